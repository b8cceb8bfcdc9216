"""Statuses on their way, to a server that plays forges: nobody waits, and the newest wins."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from beeyard.controller.forges.reporter import Backoff, Reporter
from beeyard.controller.forges.settings import Settings
from beeyard.controller.forges.status import (
    request,
)
from controller.forges.forge import Apis, report, says
from controller.forges.payloads import TOKEN, settings

DEADLINE = 10.0
QUICK = Backoff(first=0.01, most=0.05, attempts=4)


@dataclass
class Sending:
    """A reporter, and what it said."""

    reporter: Reporter
    said: list[str]

    async def sent(self) -> None:
        """Wait until nothing waits."""
        async with asyncio.timeout(DEADLINE):
            while self.reporter.waiting:
                await asyncio.sleep(0.005)


@asynccontextmanager
async def sending(
    known: Callable[[str], Settings | None], backoff: Backoff = QUICK, most: int = 1000
) -> AsyncIterator[Sending]:
    said: list[str] = []
    async with Reporter(known, say=said.append, backoff=backoff, most=most) as reporter:
        yield Sending(reporter, said)


def play(scene: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(DEADLINE):
            await scene()

    asyncio.run(bounded())


def test_statuses_arrive_in_their_order(apis: Apis) -> None:
    async def scene() -> None:
        async with sending(lambda _: apis.settings("gitlab")) as out:
            for status in ("pending", "running", "success"):
                out.reporter.report(report(status))
                await out.sent()

    play(scene)
    assert [one.state for one in apis.forge.received] == ["pending", "running", "success"]


@dataclass
class Held:
    """An answer that is not given before `go` is set."""

    code: int = 201
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> Response:
        await self.go.wait()
        return JSONResponse({}, self.code)


@pytest.mark.parametrize("code", [201, 500])
def test_the_newest_wins_while_the_forge_is_slow(apis: Apis, code: int) -> None:
    """Also where the older one was not taken: it is not sent again."""
    held = Held(code)
    apis.forge.answers = [held]

    async def scene() -> None:
        async with sending(lambda _: apis.settings("github")) as out:
            out.reporter.report(report("pending"))
            while not apis.forge.received:
                await asyncio.sleep(0.005)
            for status in ("running", "failure", "success"):
                out.reporter.report(report(status))
                out.reporter.report(report("failure", pipeline="lint"))
            _release(held)
            await out.sent()

    play(scene)
    found = [(one.body["context"], one.state) for one in apis.forge.received]
    assert found == [
        ("beeyard/test", "pending"),
        ("beeyard/test", "success"),
        ("beeyard/lint", "failure"),
    ]


def _release(held: Held) -> None:
    """Its event is of the server's loop, in another thread."""
    loop = held.go._loop  # type: ignore[attr-defined]
    loop.call_soon_threadsafe(held.go.set)


def test_a_report_takes_no_time(apis: Apis) -> None:
    """However slow the forge is: with nobody to take it, too."""

    async def scene() -> None:
        async with sending(lambda _: apis.settings("github", api="http://127.0.0.1:1")) as out:
            began = asyncio.get_running_loop().time()
            for number in range(500):
                out.reporter.report(report("running", pipeline=f"p{number}"))
            assert asyncio.get_running_loop().time() - began < 1.0
            assert out.reporter.waiting == 500

    play(scene)


def test_a_slow_forge_does_not_hold_up_another(apis: Apis) -> None:
    held = Held()
    apis.forge.answers = [held]
    known = {"slow": apis.settings("github"), "shop": apis.settings("gitea")}

    async def scene() -> None:
        async with sending(known.get) as out:
            out.reporter.report(report(application="slow"))
            while not apis.forge.received:
                await asyncio.sleep(0.005)
            out.reporter.report(report())
            while len(apis.forge.received) < 2:
                await asyncio.sleep(0.005)
            while out.reporter.waiting > 1:
                await asyncio.sleep(0.005)
            _release(held)
            await out.sent()

    play(scene)
    assert [one.path.split("/")[1] for one in apis.forge.received] == ["github", "gitea"]


def test_it_is_sent_again_until_it_is_taken(apis: Apis) -> None:
    apis.forge.answers = [says(500), says(502), says(429)]

    async def scene() -> None:
        async with sending(lambda _: apis.settings("github")) as out:
            out.reporter.report(report())
            await out.sent()
            assert out.said == []

    play(scene)
    times = [one.at for one in apis.forge.received]
    assert len(times) == 4
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(wait >= least for wait, least in zip(waits, (0.01, 0.02, 0.04), strict=True))


def test_what_the_forge_asks_for_is_waited_for_by_all(apis: Apis) -> None:
    apis.forge.answers = [says(429, retry_after="1")]

    async def scene() -> None:
        async with sending(lambda _: apis.settings("github")) as out:
            out.reporter.report(report())
            while not apis.forge.received:
                await asyncio.sleep(0.005)
            out.reporter.report(report(pipeline="lint"))
            await out.sent()

    play(scene)
    first, *others = (one.at for one in apis.forge.received)
    assert len(others) == 2
    assert min(others) - first >= 1.0


def test_news_is_not_kept_back_by_what_failed_before(apis: Apis) -> None:
    apis.forge.answers = [says(500)]

    async def scene() -> None:
        async with sending(lambda _: apis.settings("github"), Backoff(first=60.0)) as out:
            out.reporter.report(report("running"))
            while not apis.forge.received:
                await asyncio.sleep(0.005)
            out.reporter.report(report("success"))
            await out.sent()

    play(scene)
    assert [one.state for one in apis.forge.received] == ["pending", "success"]


def test_what_is_given_up_is_said_and_may_come_again(apis: Apis) -> None:
    apis.forge.answers = [says(500)] * 4 + [says(404)]

    async def scene() -> None:
        async with sending(lambda _: apis.settings("github")) as out:
            for _ in range(3):
                out.reporter.report(report())
                await out.sent()
            start = (
                "acme/shop was not told that beeyard/test is success at bbbbbbbbbbbb: it answers"
            )
            assert out.said == [
                f'{start} 500: {{"message":"as you like"}}',
                f'{start} 404: {{"message":"as you like"}}',
            ]

    play(scene)
    assert len(apis.forge.received) == 6


def test_what_is_no_news_is_not_sent(apis: Apis) -> None:
    async def scene() -> None:
        async with sending(lambda _: apis.settings("github")) as out:
            for _ in range(3):
                out.reporter.report(report())
                await out.sent()
            out.reporter.report(replace(report(), commit="c" * 40))
            await out.sent()

    play(scene)
    assert len(apis.forge.received) == 2


def test_without_a_token_nothing_is_sent(apis: Apis) -> None:
    known = {"shop": apis.settings("github", token=None)}

    async def scene() -> None:
        async with sending(known.get) as out:
            out.reporter.report(report())
            out.reporter.report(report(application="unknown"))
            assert out.reporter.waiting == 0

    play(scene)


def test_only_so_many_wait(apis: Apis) -> None:
    async def scene() -> None:
        async with sending(lambda _: apis.settings("github"), most=10) as out:
            for number in range(25):
                out.reporter.report(report(pipeline=f"p{number}"))
            assert out.reporter.waiting == 10
            assert len(out.said) == 15
            await out.sent()

    play(scene)
    assert [one.body["context"] for one in apis.forge.received] == [
        f"beeyard/p{number}" for number in range(15, 25)
    ]


def test_the_end_does_not_wait_for_a_forge(apis: Apis) -> None:
    async def scene() -> None:
        async with sending(lambda _: apis.settings("github"), Backoff(first=60.0)) as out:
            apis.forge.answers = [says(500)]
            out.reporter.report(report())
            while not apis.forge.received:
                await asyncio.sleep(0.005)

    play(scene)


def test_the_token_is_in_no_text() -> None:
    known = settings("github", token=TOKEN)
    assert TOKEN.reveal() not in repr(known) + repr(report()) + str(
        httpx.URL(request(known, report())[0])
    )
