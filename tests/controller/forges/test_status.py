"""What forges are told of a run, and how: to a server that plays the three."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, get_args

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from beeyard.controller.forges import status as status_module
from beeyard.controller.forges.reporter import Backoff, Reporter, new_client
from beeyard.controller.forges.settings import Kind, Settings
from beeyard.controller.forges.status import (
    Answer,
    Report,
    reports,
    request,
    send,
)
from beeyard.controller.records import RunCreated, StagePlan, Status, StepPlan
from beeyard.controller.runs import Run, Runs
from controller.forges.payloads import TOKEN, B, settings
from controller.forges.servers import Exchangeable, serving

KINDS: tuple[Kind, ...] = ("github", "gitea", "gitlab")
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DEADLINE = 10.0


@dataclass
class Received:
    """A request that a forge got."""

    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    at: float

    @property
    def state(self) -> str:
        return str(self.body["state"])


Says = Callable[[], Awaitable[Response]]


@dataclass
class Forge:
    """Plays the three APIs as they are documented: it knows their paths, tokens, states and limits.

    answers  said instead, one after another, before it does its own
    """

    received: list[Received] = field(default_factory=list)
    answers: list[Says] = field(default_factory=list)

    @property
    def application(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/github/repos/{owner}/{name}/statuses/{sha}", self.github, methods=["POST"]),
                Route("/gitea/repos/{owner}/{name}/statuses/{sha}", self.gitea, methods=["POST"]),
                Route(
                    "/gitlab/projects/{project:path}/statuses/{sha}", self.gitlab, methods=["POST"]
                ),
            ]
        )

    async def github(self, request: Request) -> Response:
        allowed = ("error", "failure", "pending", "success")
        authorised = request.headers.get("authorization") == f"Bearer {TOKEN.reveal()}"
        versioned = request.headers.get("x-github-api-version") == "2022-11-28"
        return await self._hub(request, allowed, 140, authorised and versioned)

    async def gitea(self, request: Request) -> Response:
        allowed = ("pending", "success", "error", "failure")
        authorised = request.headers.get("authorization") == f"token {TOKEN.reveal()}"
        return await self._hub(request, allowed, 10_000, authorised)

    async def gitlab(self, request: Request) -> Response:
        body = await self._take(request)
        if self.answers:
            return await self.answers.pop(0)()
        if request.headers.get("private-token") != TOKEN.reveal():
            return JSONResponse({"message": "401 Unauthorized"}, 401)
        # A project's path is one part of the URL: its slashes are encoded.
        if b"/projects/acme%2Fshop/statuses/" not in request.scope["raw_path"]:
            return JSONResponse({"message": "404 Project Not Found"}, 404)
        if body["state"] not in ("pending", "running", "success", "failed", "canceled"):
            return JSONResponse({"error": "state does not have a valid value"}, 400)
        if not body["name"] or len(body["description"]) > 255:
            return JSONResponse({"message": "400 Bad request"}, 400)
        return JSONResponse({"id": 1}, 201)

    async def _hub(
        self, request: Request, allowed: tuple[str, ...], longest: int, authorised: bool
    ) -> Response:
        body = await self._take(request)
        if self.answers:
            return await self.answers.pop(0)()
        if not authorised:
            return JSONResponse({"message": "Bad credentials"}, 401)
        if (request.path_params["owner"], request.path_params["name"]) != ("acme", "shop"):
            return JSONResponse({"message": "Not Found"}, 404)
        if body["state"] not in allowed or len(body["description"]) > longest:
            return JSONResponse({"message": "Validation Failed"}, 422)
        return JSONResponse({"id": 1, "context": body["context"]}, 201)

    async def _take(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = json.loads(await request.body())
        at = asyncio.get_running_loop().time()
        self.received.append(Received(request.url.path, dict(request.headers), body, at))
        return body


def says(code: int, body: Any = None, **headers: str) -> Says:
    """An answer, with headers whose names have hyphens where these have underscores."""

    async def answer() -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return JSONResponse(body or {"message": "as you like"}, code, named)

    return answer


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Exchangeable, str]]:
    application = Exchangeable()
    with serving(application) as url:
        yield application, url


@dataclass
class Yard:
    """A forge, and what leads to it."""

    forge: Forge
    url: str

    def settings(self, kind: Kind, **more: Any) -> Settings:
        known: dict[str, Any] = {"api": f"{self.url}/{kind}", "token": TOKEN}
        return settings(kind, **known | more)

    def send(self, report: Report, kind: Kind = "github", **more: Any) -> Answer:
        async def scene() -> Answer:
            async with new_client() as client:
                return await send(client, self.settings(kind, **more), report, NOW)

        return asyncio.run(scene())


@pytest.fixture
def yard(place: tuple[Exchangeable, str]) -> Yard:
    forge = Forge()
    place[0].inner = forge.application
    return Yard(forge, place[1])


def report(status: Status = "success", pipeline: str = "test", **more: Any) -> Report:
    known: dict[str, Any] = {
        "application": "shop",
        "repository": "acme/shop",
        "commit": B,
        "description": "passed",
        "link": "https://ci.example.com/runs/7",
        "branch": "main",
    }
    return Report(pipeline=pipeline, status=status, **known | more)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", get_args(Status))
def test_each_forge_understands_each_state(yard: Yard, kind: Kind, status: Status) -> None:
    assert yard.send(report(status), kind) == Answer(taken=True)
    body = yard.forge.received[0].body
    assert body["target_url"] == "https://ci.example.com/runs/7"
    assert body["name" if kind == "gitlab" else "context"] == "beeyard/test"
    assert body.get("ref") == ("main" if kind == "gitlab" else None)


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_passed_is_told_as_passed(kind: Kind) -> None:
    states = {
        one: request(settings(kind, token=TOKEN), report(one))[2]["state"]
        for one in get_args(Status)
    }
    assert [one for one, state in states.items() if state == "success"] == ["success"]


@pytest.mark.parametrize("kind", KINDS)
def test_long_descriptions_are_cut_to_what_the_forge_takes(yard: Yard, kind: Kind) -> None:
    assert yard.send(report(description="ab\n " * 2000), kind).taken
    said = yard.forge.received[0].body["description"]
    assert len(said) == (140 if kind == "github" else 255)
    assert said.startswith("ab ab ")
    assert said.endswith("…")


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_token_is_said_without_it(yard: Yard, kind: Kind) -> None:
    wrong = settings(kind).secret
    answer = yard.send(report(), kind, token=wrong)
    assert (answer.taken, answer.again) == (False, None)
    assert "it answers 401" in answer.problem
    assert wrong.reveal() not in answer.problem


def test_a_forge_that_says_the_token_back_does_not_get_it_into_words(yard: Yard) -> None:
    yard.forge.answers = [says(422, {"message": f"no {TOKEN.reveal()} here"})]
    assert yard.send(report()).problem == 'it answers 422: {"message":"no *** here"}'


@pytest.mark.parametrize(
    ("answer", "again", "alone"),
    [
        (says(500), 0.0, True),
        (says(502), 0.0, True),
        (says(503, retry_after="7"), 7.0, False),
        (says(429), 0.0, False),
        (says(429, retry_after="7"), 7.0, False),
        (says(429, retry_after="Fri, 02 Jan 2026 03:04:35 GMT"), 30.0, False),
        (says(429, retry_after="Fri, 02 Jan 2026 03:00:00 GMT"), 0.0, False),
        (says(429, retry_after="soon"), 0.0, False),
        (says(429, retry_after="999999999"), 3600.0, False),
        (says(403, retry_after="60"), 60.0, False),
        (says(403, x_ratelimit_remaining="0", x_ratelimit_reset="1767323105"), 60.0, False),
        (says(403, x_ratelimit_remaining="7", x_ratelimit_reset="1767323105"), None, True),
        (says(409), 0.0, True),
        (says(400), None, True),
        (says(404), None, True),
        (says(301, location="https://example.com/"), None, True),
    ],
)
def test_what_is_worth_another_try(
    yard: Yard, answer: Says, again: float | None, alone: bool
) -> None:
    yard.forge.answers = [answer]
    found = yard.send(report())
    assert (found.taken, found.again, found.alone) == (False, again, alone)
    assert found.problem.startswith("it answers ")
    assert len(yard.forge.received) == 1, "no redirect is followed: the token is the forge's alone"


def test_gitlab_may_know_it_already(yard: Yard) -> None:
    words = "Cannot transition status via :run from :running (Reason(s): Status cannot transition)"
    yard.forge.answers = [says(400, {"message": words})]
    assert yard.send(report("running"), "gitlab").taken
    yard.forge.answers = [says(400, {"message": "Cannot transition status via :run from :skipped"})]
    assert not yard.send(report("running"), "gitlab").taken


def test_nobody_listens(yard: Yard) -> None:
    found = yard.send(report(), api="http://127.0.0.1:1")
    assert (found.taken, found.again) == (False, 0.0)
    assert found.problem


def test_a_forge_that_does_not_answer_is_not_waited_for(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status_module, "PATIENCE", 0.1)

    async def drips() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(50):
                yield b"."
                await asyncio.sleep(0.05)

        return StreamingResponse(pieces(), 500)

    yard.forge.answers = [drips]
    assert yard.send(report()) == Answer(again=0.0, problem="no answer within 0.1 s")


def test_an_endless_answer_is_not_read_to_its_end(yard: Yard) -> None:
    ended = []

    async def floods() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 65536
                    await asyncio.sleep(0)
            finally:
                ended.append(True)

        return StreamingResponse(pieces(), 500)

    yard.forge.answers = [floods]
    problem = yard.send(report()).problem
    assert problem.startswith("it answers 500: xxx")
    assert len(problem) < 300


def test_names_can_not_lead_elsewhere() -> None:
    known = settings("github", token=TOKEN, repository="acme/shop")
    url = request(known, report(commit="../../hooks?x=#"))[0]
    assert url.endswith("/repos/acme/shop/statuses/..%2F..%2Fhooks%3Fx%3D%23")


# A run as the controller has it.

EVENT = {
    "kind": "push",
    "ref": "refs/heads/main",
    "commit": B,
    "repository": {"namespace": "acme", "name": "shop"},
}


def run(
    statuses: Mapping[str, Status], event: Mapping[str, Any] | None = None, problem: str = ""
) -> Run:
    """A run with these pipelines, as far as they are."""
    runs = Runs()
    plans = tuple(StagePlan(name=name, steps=(StepPlan(name="unit"),)) for name in statuses)
    runs.apply(
        RunCreated(
            at=NOW, run=7, application="shop", event=event or EVENT, stages=plans, problem=problem
        )
    )
    found = runs.by_number[7]
    for name, status in statuses.items():
        found.stages[name].status = status
    return found


def told(found: Run) -> dict[str, tuple[Status, str]]:
    every = reports(found, settings("github"), "https://ci.example.com/runs/7")
    assert all(one.commit == B and one.branch == "main" for one in every)
    return {one.context: (one.status, one.description) for one in every}


def test_each_pipeline_is_told_by_its_name() -> None:
    assert told(run({"test": "failure", "ship": "running"})) == {
        "beeyard/test": ("failure", "failed"),
        "beeyard/ship": ("running", "runs"),
    }


def test_a_reason_is_told() -> None:
    found = run({"test": "error"})
    found.stages["test"].reason = "its runner on worker-1 does not answer any more"
    assert told(found)["beeyard/test"][1] == "its runner on worker-1 does not answer any more"


def test_what_did_not_run_because_of_a_failure_is_not_told_as_passed() -> None:
    assert told(run({"test": "failure", "ship": "skipped"}))["beeyard/ship"][0] == "skipped"
    assert told(run({"test": "success", "mourn": "skipped"}))["beeyard/mourn"][0] == "success"
    assert told(run({"test": "running", "ship": "skipped"})).keys() == {"beeyard/test"}


def test_a_pipeline_that_is_not_for_this_event_is_not_told() -> None:
    found = run({"test": "success", "nightly": "skipped"})
    found.stages["nightly"].plan = found.stages["nightly"].plan.model_copy(
        update={"skipped": "not for this event"}
    )
    assert told(found).keys() == {"beeyard/test"}


def test_a_run_that_is_superseded_is_told_so() -> None:
    found = run({"test": "pending"})
    found.superseded_by = 8
    assert told(found) == {"beeyard/test": ("superseded", "a newer push took its place")}


def test_a_broken_file_is_told_as_the_whole() -> None:
    found = run({}, problem=".drone.yml:3:1: no such key")
    assert told(found) == {"beeyard": ("error", ".drone.yml:3:1: no such key")}


def test_a_run_of_the_clusters_own_remote_is_not_the_forges_concern() -> None:
    other = EVENT | {"repository": {"namespace": "my-cluster", "name": "shop"}}
    assert told(run({"test": "success"}, other)) == {}
    assert reports(run({"test": "success"}, {"kind": "cron"}), settings("github"), "") == ()


# On their way: `Reporter`.

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


def test_statuses_arrive_in_their_order(yard: Yard) -> None:
    async def scene() -> None:
        async with sending(lambda _: yard.settings("gitlab")) as out:
            for status in ("pending", "running", "success"):
                out.reporter.report(report(status))
                await out.sent()

    play(scene)
    assert [one.state for one in yard.forge.received] == ["pending", "running", "success"]


@dataclass
class Held:
    """An answer that is not given before `go` is set."""

    code: int = 201
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self) -> Response:
        await self.go.wait()
        return JSONResponse({}, self.code)


@pytest.mark.parametrize("code", [201, 500])
def test_the_newest_wins_while_the_forge_is_slow(yard: Yard, code: int) -> None:
    """Also where the older one was not taken: it is not sent again."""
    held = Held(code)
    yard.forge.answers = [held]

    async def scene() -> None:
        async with sending(lambda _: yard.settings("github")) as out:
            out.reporter.report(report("pending"))
            while not yard.forge.received:
                await asyncio.sleep(0.005)
            for status in ("running", "failure", "success"):
                out.reporter.report(report(status))
                out.reporter.report(report("failure", pipeline="lint"))
            _release(held)
            await out.sent()

    play(scene)
    found = [(one.body["context"], one.state) for one in yard.forge.received]
    assert found == [
        ("beeyard/test", "pending"),
        ("beeyard/test", "success"),
        ("beeyard/lint", "failure"),
    ]


def _release(held: Held) -> None:
    """Its event is of the server's loop, in another thread."""
    loop = held.go._loop  # type: ignore[attr-defined]
    loop.call_soon_threadsafe(held.go.set)


def test_a_report_takes_no_time(yard: Yard) -> None:
    """However slow the forge is: with nobody to take it, too."""

    async def scene() -> None:
        async with sending(lambda _: yard.settings("github", api="http://127.0.0.1:1")) as out:
            began = asyncio.get_running_loop().time()
            for number in range(500):
                out.reporter.report(report("running", pipeline=f"p{number}"))
            assert asyncio.get_running_loop().time() - began < 1.0
            assert out.reporter.waiting == 500

    play(scene)


def test_a_slow_forge_does_not_hold_up_another(yard: Yard) -> None:
    held = Held()
    yard.forge.answers = [held]
    known = {"slow": yard.settings("github"), "shop": yard.settings("gitea")}

    async def scene() -> None:
        async with sending(known.get) as out:
            out.reporter.report(report(application="slow"))
            while not yard.forge.received:
                await asyncio.sleep(0.005)
            out.reporter.report(report())
            while len(yard.forge.received) < 2:
                await asyncio.sleep(0.005)
            while out.reporter.waiting > 1:
                await asyncio.sleep(0.005)
            _release(held)
            await out.sent()

    play(scene)
    assert [one.path.split("/")[1] for one in yard.forge.received] == ["github", "gitea"]


def test_it_is_sent_again_until_it_is_taken(yard: Yard) -> None:
    yard.forge.answers = [says(500), says(502), says(429)]

    async def scene() -> None:
        async with sending(lambda _: yard.settings("github")) as out:
            out.reporter.report(report())
            await out.sent()
            assert out.said == []

    play(scene)
    times = [one.at for one in yard.forge.received]
    assert len(times) == 4
    waits = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert all(wait >= least for wait, least in zip(waits, (0.01, 0.02, 0.04), strict=True))


def test_what_the_forge_asks_for_is_waited_for_by_all(yard: Yard) -> None:
    yard.forge.answers = [says(429, retry_after="1")]

    async def scene() -> None:
        async with sending(lambda _: yard.settings("github")) as out:
            out.reporter.report(report())
            while not yard.forge.received:
                await asyncio.sleep(0.005)
            out.reporter.report(report(pipeline="lint"))
            await out.sent()

    play(scene)
    first, *others = (one.at for one in yard.forge.received)
    assert len(others) == 2
    assert min(others) - first >= 1.0


def test_news_is_not_kept_back_by_what_failed_before(yard: Yard) -> None:
    yard.forge.answers = [says(500)]

    async def scene() -> None:
        async with sending(lambda _: yard.settings("github"), Backoff(first=60.0)) as out:
            out.reporter.report(report("running"))
            while not yard.forge.received:
                await asyncio.sleep(0.005)
            out.reporter.report(report("success"))
            await out.sent()

    play(scene)
    assert [one.state for one in yard.forge.received] == ["pending", "success"]


def test_what_is_given_up_is_said_and_may_come_again(yard: Yard) -> None:
    yard.forge.answers = [says(500)] * 4 + [says(404)]

    async def scene() -> None:
        async with sending(lambda _: yard.settings("github")) as out:
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
    assert len(yard.forge.received) == 6


def test_what_is_no_news_is_not_sent(yard: Yard) -> None:
    async def scene() -> None:
        async with sending(lambda _: yard.settings("github")) as out:
            for _ in range(3):
                out.reporter.report(report())
                await out.sent()
            out.reporter.report(replace(report(), commit="c" * 40))
            await out.sent()

    play(scene)
    assert len(yard.forge.received) == 2


def test_without_a_token_nothing_is_sent(yard: Yard) -> None:
    known = {"shop": yard.settings("github", token=None)}

    async def scene() -> None:
        async with sending(known.get) as out:
            out.reporter.report(report())
            out.reporter.report(report(application="unknown"))
            assert out.reporter.waiting == 0

    play(scene)


def test_only_so_many_wait(yard: Yard) -> None:
    async def scene() -> None:
        async with sending(lambda _: yard.settings("github"), most=10) as out:
            for number in range(25):
                out.reporter.report(report(pipeline=f"p{number}"))
            assert out.reporter.waiting == 10
            assert len(out.said) == 15
            await out.sent()

    play(scene)
    assert [one.body["context"] for one in yard.forge.received] == [
        f"beeyard/p{number}" for number in range(15, 25)
    ]


def test_the_end_does_not_wait_for_a_forge(yard: Yard) -> None:
    async def scene() -> None:
        async with sending(lambda _: yard.settings("github"), Backoff(first=60.0)) as out:
            yard.forge.answers = [says(500)]
            out.reporter.report(report())
            while not yard.forge.received:
                await asyncio.sleep(0.005)

    play(scene)


def test_the_token_is_in_no_text() -> None:
    known = settings("github", token=TOKEN)
    assert TOKEN.reveal() not in repr(known) + repr(report()) + str(
        httpx.URL(request(known, report())[0])
    )
