"""One step, run in a thread of its own. What becomes of it is posted, never raised."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from beeyard.errors import BeeyardError, render
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.engine import Ended, Engine, Started, StepError
from beeyard.pipelines.log import Log, in_units
from beeyard.pipelines.outcome import State, StepEvent
from beeyard.pipelines.plan import EARLY_END, Job, JobStep

_KILLED = 128 + 9
_FILE_TOO_LARGE = 128 + 25


@dataclass(frozen=True)
class Up:
    """The step's container has been started."""

    step: str


@dataclass(frozen=True)
class Over:
    """The step has come to its end."""

    event: StepEvent


@dataclass(frozen=True)
class Broken:
    """Nothing can be said of the step: the engine is gone, or beeyard itself failed."""

    step: str
    error: Exception


Message = Up | Over | Broken


@dataclass(frozen=True)
class _Stop:
    state: State
    reason: str
    grace: float


class StepRun:
    """A step on its way. `started` is when it began (seconds since 1970)."""

    def __init__(
        self, job: Job, step: JobStep, engine: Engine, log: Log, post: Callable[[Message], None]
    ) -> None:
        self.step = step
        self.started = time.time()
        self._job = job
        self._engine = engine
        self._log = log
        self._post = post
        self._cancel = Cancel()
        self._stop: _Stop | None = None
        self._thread = threading.Thread(target=self._run, name=f"step {step.name}", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    def stop(self, state: State, reason: str, grace: float | None = None) -> None:
        """See that it ends, in that state and for that reason, within `grace` seconds; None: as
        many as the step has. Only the first wish counts."""
        if self._stop is None:
            self._stop = _Stop(state, reason, self.step.grace if grace is None else grace)
            # In a thread: it takes until the container has ended.
            threading.Thread(
                target=self._cancel.set, name=f"stop of {self.step.name}", daemon=True
            ).start()

    def await_end(self, timeout: float) -> bool:
        """Whether its thread has ended within `timeout` seconds, or was never begun."""
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _run(self) -> None:
        message: Message
        try:
            message = Over(self._end(self._ended()))
        except StepError as error:
            self._log.say(render(error))
            message = Over(self._event("error", None, in_a_line(error)))
        except Exception as error:  # noqa: BLE001 (raised by whoever runs the job)
            message = Broken(self.step.name, error)
        self._log.close()
        self._post(message)

    def _ended(self) -> Ended | None:
        """How its container ended; None: it was stopped before it had one."""
        self._engine.fetch(self._job, self.step, self._log.say, self._cancel)
        if self._cancel.is_set():
            return None
        container = self._engine.start(self._job, self.step, self._log.write)
        try:
            self._post(Up(self.step.name))
            with self._cancel.calling(lambda: self._stop_container(container)):
                return container.wait()
        finally:
            # What can't be removed now is tried again at the end: the step has ended all the same.
            with suppress(StepError):
                container.remove()

    def _stop_container(self, container: Started) -> None:
        container.stop(self._stop.grace if self._stop else 0.0)

    def _end(self, ended: Ended | None) -> StepEvent:
        if self._stop is not None:
            if self._stop.reason:
                self._log.say(self._stop.reason)
            return self._event(self._stop.state, ended.code if ended else None, self._stop.reason)
        assert ended is not None  # noqa: S101 (only who was stopped has not ended)
        good = ended.code in {0, EARLY_END}
        reason = "" if good else self._why(ended)
        if reason:
            self._log.say(reason)
        return self._event("success" if good else "failure", ended.code, reason)

    def _why(self, ended: Ended) -> str:
        memory = self.step.limits.memory
        most = f"it may use {in_units(memory)}" if memory else "the machine has no more"
        if ended.out_of_memory and ended.code == _KILLED:
            return f"out of memory: {most} (exit code {ended.code})"
        if ended.out_of_memory:
            return f"exit code {ended.code}; a process of it ran out of memory: {most}"
        if ended.code == _KILLED:
            return f"killed by SIGKILL from outside (exit code {ended.code})"
        if ended.code == _FILE_TOO_LARGE and self._job.disk:
            most = in_units(self._job.disk)
            return f"a file grew beyond the {most} that it may use (exit code {ended.code})"
        return f"exit code {ended.code}"

    def _event(self, state: State, code: int | None, reason: str) -> StepEvent:
        said = "; ".join(one for one in (reason, self._log.problem) if one)
        return StepEvent(self.step.name, state, code, self.started, time.time(), said)


def in_a_line(error: BeeyardError) -> str:
    """What happened and why, for an event's reason."""
    return ": ".join(part for part in (error.what, error.why) if part)
