"""Statuses on their way to forges: nobody waits for them, and the newest of each wins."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx

from beeyard.controller.forges.settings import Settings
from beeyard.controller.forges.status import PATIENCE, Answer, Report, send

#: Repository, commit and context: of these, a forge shows one status.
Key = tuple[str, str, str]


@dataclass(frozen=True)
class Backoff:
    """How long until a report is sent again: `first` seconds, then twice as long each time, `most`
    at most, and never after `attempts`. As it stands, a forge may be away for an hour."""

    first: float = 1.0
    most: float = 300.0
    attempts: int = 20

    def after(self, attempts: int) -> float:
        """Seconds to wait after so many attempts."""
        return float(min(self.first * 2 ** min(attempts - 1, 30), self.most))


def new_client() -> httpx.AsyncClient:
    """A client as `Reporter` uses it. It follows no redirects: the token is the forge's alone."""
    return httpx.AsyncClient(timeout=PATIENCE, headers={"User-Agent": "beeyard"})


@dataclass
class _Waiting:
    report: Report
    settings: Settings
    due: float
    attempts: int = 0


@dataclass
class Reporter:
    """Sends reports, to each forge one after another. Used on one event loop, as a context.

    settings  of an application; None, or without a token: nothing is sent for it
    client    asks the forges; closed at the end
    say       hears, in words, of reports that were given up
    most      how many may wait at a forge; beyond, the oldest are given up
    """

    settings: Callable[[str], Settings | None]
    client: httpx.AsyncClient = field(default_factory=new_client)
    say: Callable[[str], None] = lambda _: None
    backoff: Backoff = Backoff()
    most: int = 1000
    _lanes: dict[str, "_Lane"] = field(default_factory=dict, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for lane in self._lanes.values():
            await lane.stop()
        await self.client.aclose()

    def report(self, report: Report) -> None:
        """Have something told. Returns at once; what was said last for the same key, and not yet
        sent, is not sent any more; what is no news is not sent."""
        settings = self.settings(report.application)
        if settings is None or settings.token is None:
            return
        lane = self._lanes.setdefault(settings.api, _Lane(self))
        lane.put(report, settings)

    @property
    def waiting(self) -> int:
        """How many reports are not sent yet."""
        return sum(len(lane.waiting) + lane.sending for lane in self._lanes.values())


class _Lane:
    """The reports for one forge."""

    def __init__(self, reporter: Reporter) -> None:
        self.waiting: OrderedDict[Key, _Waiting] = OrderedDict()
        self.sending = False
        self._reporter = reporter
        self._said: OrderedDict[Key, Report] = OrderedDict()
        self._quiet = 0.0
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def put(self, report: Report, settings: Settings) -> None:
        key = (report.repository, report.commit, report.context)
        if self._said.get(key) == report:
            return
        self._said[key] = report
        self._said.move_to_end(key)
        before = self.waiting.get(key)
        # News keeps its place, but does not share in the wait for what failed.
        due = min(before.due, _now()) if before else _now()
        self.waiting[key] = _Waiting(report, settings, due)
        self._bound()
        self._news.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _work(self) -> None:
        """Until nothing waits."""
        while self.waiting:
            key = min(self.waiting, key=lambda key: self.waiting[key].due)
            until = max(self.waiting[key].due, self._quiet)
            if until > _now():
                await self._rest(until - _now())
                continue
            one = self.waiting.pop(key)
            self.sending = True
            try:
                one.attempts += 1
                client = self._reporter.client
                answer = await send(client, one.settings, one.report, datetime.now(UTC))
            finally:
                self.sending = False
            self._heed(key, one, answer)

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until there is news."""
        self._news.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            pass

    def _heed(self, key: Key, one: _Waiting, answer: Answer) -> None:
        if answer.taken:
            return
        backoff = self._reporter.backoff
        wait = 0.0
        if answer.again is not None:
            wait = max(answer.again, backoff.after(one.attempts))
            if not answer.alone:
                self._quiet = _now() + wait
        if key in self.waiting:
            return  # There is news of it already.
        if answer.again is not None and one.attempts < backoff.attempts:
            one.due = _now() + wait
            self.waiting[key] = one
            return
        self._give_up(key, one, answer.problem)

    def _give_up(self, key: Key, one: _Waiting, why: str) -> None:
        self._said.pop(key, None)
        report = one.report
        self._reporter.say(
            f"{report.repository} was not told that {report.context} is {report.status} "
            f"at {report.commit[:12]}: {why}"
        )

    def _bound(self) -> None:
        while len(self.waiting) > self._reporter.most:
            key, one = self.waiting.popitem(last=False)
            self._give_up(key, one, "too many wait for this forge")
        while len(self._said) > 2 * self._reporter.most:
            self._said.popitem(last=False)


def _now() -> float:
    return asyncio.get_running_loop().time()
