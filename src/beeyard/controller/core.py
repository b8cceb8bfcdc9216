"""The controller's heart: it takes in what happens, writes it down, and tells who waits for it.

All of it runs on one event loop. A record is applied only once it is on disk, one after another.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from beeyard.controller.assignment import Poll
from beeyard.controller.part import Written
from beeyard.controller.records import (
    ENDED,
    DeployEnded,
    DeployStarted,
    Record,
    RunCancelled,
    RunCreated,
    RunRecord,
    RunSuperseded,
    StageAssigned,
    StageEnded,
    StageReturned,
    Status,
    StepChanged,
)
from beeyard.controller.runs import Run, Runs, Stage
from beeyard.controller.schedule import RunnerFacts, next_stage, settled, superseded
from beeyard.errors import PipelineError

_log = logging.getLogger(__name__)

#: Seconds without a word from a runner after which what it ran counts as lost.
LOST = 60.0


class AttemptOver(PipelineError):
    """What a runner speaks of is over, or was never known: nobody waits for it."""


@dataclass
class Core:
    """Runs, and when each runner last spoke, by the event loop's clock.

    tell     called with each run that changed
    take_in  given the records that were written together with a run's, once they are on disk
    version  grows with every change, of logs as well
    """

    runs: Runs
    written: Written
    tell: Callable[[Run], None] = lambda _: None
    take_in: Callable[[Record], None] = lambda _: None
    runners: dict[str, float] = field(default_factory=dict)
    version: int = 0
    _polls: dict[str, object] = field(default_factory=dict)
    _order: asyncio.Lock = field(default_factory=asyncio.Lock)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def create(self, made: Callable[[int], RunCreated], *beside: Record) -> Run:
        """A new run; `made` gives its record from its number. Older runs that still wait for the
        same branch are superseded. `beside` is on disk together with the run, or not at all: what
        it was begun for was dealt with."""
        async with self._order:
            number = self.runs.last + 1
            # It reads a file that somebody wrote, which may take its time.
            await self._write(await asyncio.to_thread(made, number), *beside)
            run = self.run(number)
            for older in superseded(self.runs, run):
                await self._write(RunSuperseded(at=now(), run=older.number, by_run=number))
            await self._settle()
            return run

    async def cancel(self, number: int, by: str) -> Run:
        """Nothing more of a run begins; what runs is stopped. Raises PipelineError if it ended."""
        async with self._order:
            run = self.run(number)
            if run.ended:
                raise PipelineError(f"run {number} has ended already ({run.status})")
            if not run.cancelled_by:
                await self._write(RunCancelled(at=now(), run=number, by=by))
                await self._settle()
            return run

    async def take(self, poll: Poll) -> tuple[Run, Stage] | None:
        """The next stage for a runner, assigned to it. None: there is none now."""
        async with self._order:
            self._hear(poll)
            await self._miss(poll)
            found = next_stage(self.runs, _facts(poll))
            if found is None:
                return None
            run, stage = found
            attempt = secrets.token_urlsafe(18)
            await self._write(
                StageAssigned(
                    at=now(), run=run.number, stage=stage.name, runner=poll.runner, attempt=attempt
                )
            )
            return run, stage

    def to_stop(self, attempts: Sequence[str]) -> tuple[str, ...]:
        """Of the attempts that a runner is at, those that it should stop: cancelled, or none of
        ours any more."""
        return tuple(
            one for one in attempts if (at := self.find(one)) is None or at[0].cancelled_by
        )

    async def step(self, attempt: str, step: str, change: StepChanged) -> None:
        """A step of an attempt began or ended. What was said already is taken as said."""
        async with self._order:
            run, stage = self.attempt(attempt)
            known = stage.steps.get(step)
            if known is None:
                raise PipelineError(f"{stage.name} has no step {step}", where=f"run {run.number}")
            if known.status in ENDED or known.status == change.status:
                return
            await self._write(change)

    async def end_stage(self, attempt: str, status: Status, reason: str = "") -> None:
        """An attempt came to its end. Said again, it changes nothing."""
        async with self._order:
            found = self.find(attempt, ended=True)
            if found is None or found[1].ended:
                return
            run, stage = found
            await self._end(run.number, stage.name, status, reason)
            await self._settle()

    async def begin_deploy(self, attempt: str, step: str) -> bool:
        """Note that a step deploys. False: it was noted before, and must not be done again."""
        async with self._order:
            run, stage = self.attempt(attempt)
            if (stage.name, step) in run.deploys:
                return False
            await self._write(
                DeployStarted(
                    at=now(), run=run.number, stage=stage.name, step=step, attempt=attempt
                )
            )
            return True

    async def end_deploy(self, ended: DeployEnded) -> None:
        """Note what became of a deploy."""
        async with self._order:
            await self._write(ended)

    async def lose(self, clock: float) -> list[str]:
        """End what ran on runners that have not spoken for `LOST` seconds; give their names."""
        async with self._order:
            silent = [name for name, spoke in self.runners.items() if clock - spoke > LOST]
            for name in silent:
                del self.runners[name]
            for run in self.runs.open():
                for stage in run.stages.values():
                    if stage.status == "running" and stage.runner in silent:
                        reason = f"its runner on {stage.runner} does not answer any more"
                        await self._end(run.number, stage.name, "error", reason)
            await self._settle()
            return silent

    def expect(self, clock: float) -> None:
        """Count runners that had work when this copy began as seen now: they have their time, too,
        to speak to it."""
        for run in self.runs.open():
            for stage in run.stages.values():
                if stage.status == "running":
                    self.runners.setdefault(stage.runner, clock)

    def run(self, number: int) -> Run:
        """Raises PipelineError where there is none of that number."""
        run = self.runs.get(number)
        if run is None:
            raise PipelineError(f"there is no run {number}", fix="see `beeyard pipeline ls`")
        return run

    def attempt(self, attempt: str) -> tuple[Run, Stage]:
        """The stage that is run by this word. Raises PipelineError where none is."""
        found = self.find(attempt)
        if found is None:
            raise AttemptOver("this attempt is over, or was never known")
        return found

    def polling(self, runner: str) -> object:
        """A mark for a poll that has come in: it counts until the next of that runner comes."""
        mark = self._polls[runner] = object()
        return mark

    def is_current(self, runner: str, mark: object) -> bool:
        """Whether no later poll of that runner has come: who sent this one may be gone."""
        return self._polls.get(runner) is mark

    def find(self, attempt: str, *, ended: bool = False) -> tuple[Run, Stage] | None:
        """The stage that is run by this word, or, with `ended`, was; None where none is."""
        runs = list(self.runs) if ended else self.runs.open()
        for run in runs:
            for stage in run.stages.values():
                if attempt and stage.attempt == attempt and (ended or not stage.ended):
                    return run, stage
        return None

    @asynccontextmanager
    async def still(self) -> AsyncIterator[None]:
        """Within it, nothing changes."""
        async with self._order:
            yield

    async def changed(self, since: int, wait: float) -> bool:
        """Wait until there is something newer than `version` was when it was `since`, `wait`
        seconds at most. Gives whether there is."""
        try:
            async with asyncio.timeout(wait), self._changed:
                await self._changed.wait_for(lambda: self.version != since)
        except TimeoutError:
            return False
        return True

    async def ring(self) -> None:
        """Wake all who wait for a change: a log has grown, such as."""
        async with self._changed:
            self.version += 1
            self._changed.notify_all()

    def _hear(self, poll: Poll) -> None:
        self.runners[poll.runner] = asyncio.get_running_loop().time()

    async def _miss(self, poll: Poll) -> None:
        """Take back what this runner was handed and is not at: it never heard of it, or it has
        started anew since."""
        for run in self.runs.open():
            for stage in run.stages.values():
                if stage.runner != poll.runner or stage.status != "running":
                    continue
                if stage.attempt in poll.running:
                    continue
                if any(step.started for step in stage.steps.values()):
                    reason = f"its runner on {poll.runner} was started anew"
                    await self._end(run.number, stage.name, "error", reason)
                else:
                    await self._write(StageReturned(at=now(), run=run.number, stage=stage.name))
        await self._settle()

    async def _settle(self) -> None:
        """Say of stages that wait in vain that they do, until none is left."""
        while found := list(settled(self.runs.open())):
            for one in found:
                await self._end(one.run, one.stage, one.status, one.reason)

    async def _end(self, run: int, stage: str, status: Status, reason: str) -> None:
        await self._write(StageEnded(at=now(), run=run, stage=stage, status=status, reason=reason))

    async def _write(self, record: RunRecord, *beside: Record) -> None:
        await asyncio.to_thread(self.written.append, [record, *beside])
        self.runs.apply(record)
        for one in beside:
            self.take_in(one)
        run = self.runs.get(record.run)
        if run is not None:
            self.tell_of(run)
        await self.ring()

    def tell_of(self, run: Run) -> None:
        """Tell of a run as it stands. Whoever is told must not keep us from going on."""
        try:
            self.tell(run)
        except Exception:  # noqa: BLE001 (it is written down already)
            _log.exception("run %s could not be told of", run.number)


def now() -> datetime:
    """The time of a record."""
    return datetime.now(UTC)


def _facts(poll: Poll) -> RunnerFacts:
    return RunnerFacts(poll.runner, poll.free, dict(poll.labels))
