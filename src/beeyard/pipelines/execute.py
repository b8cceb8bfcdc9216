"""Runs a job to its end: steps in their order, each in a container, and nothing left behind."""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from beeyard.errors import BeeyardError
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.deadlines import Deadlines
from beeyard.pipelines.disk import MORE, DiskWatch, TooMuch
from beeyard.pipelines.engine import Engine, EngineGone, StepError
from beeyard.pipelines.graph import CLONE
from beeyard.pipelines.log import Log, Sink
from beeyard.pipelines.outcome import FINAL, Result, State, StepEvent
from beeyard.pipelines.plan import EARLY_END, Job, JobStep
from beeyard.pipelines.schedule import Course, Due, due, is_over
from beeyard.pipelines.source import Source, SourceError
from beeyard.pipelines.step_run import Broken, Message, Over, StepRun, Up, in_a_line

# Seconds within which a container that was told to end has ended, or else the engine is stuck.
_PATIENCE = 120.0
# The same where we are interrupted, and somebody waits.
_HASTE = 30.0


@dataclass(frozen=True)
class Outlets:
    """Where a run's news goes.

    listener  hears of every change of a step, in the thread that runs the job
    open_log  gives a sink for the output of the step of that name; asked once for each that begins
    """

    listener: Callable[[StepEvent], None]
    open_log: Callable[[str], Sink]


@dataclass(frozen=True)
class _Cancelled:
    """The wish to stop has come."""


def execute(
    job: Job,
    engine: Engine,
    outlets: Outlets,
    *,
    source: Source | None = None,
    cancel: Cancel | None = None,
) -> Result:
    """Run the job and give how it ended.

    `source` fills the workspace first, as a step named `clone`. Once cancelled, what runs is
    stopped, and nothing more is begun. Nothing that steps do is raised. Raises EngineGone if the
    engine does not answer any more, and what the listener raises. Also then, and if the thread is
    interrupted, all that was made is removed, as far as there is somebody to remove it. Raises
    ValueError for a step named `clone` beside a source.
    """
    if source is not None and any(step.name == CLONE for step in job.all_steps):
        raise ValueError(f"a step is named `{CLONE}`, as is the filling of the workspace")
    return _Execution(job, engine, outlets, cancel or Cancel()).run(source)


class _Execution:
    """One run of a job. Its state is this one thread's; others post messages to it."""

    def __init__(self, job: Job, engine: Engine, outlets: Outlets, cancel: Cancel) -> None:
        self._job = job
        self._engine = engine
        self._outlets = outlets
        self._cancel = cancel
        self._mail: queue.SimpleQueue[Message | TooMuch | _Cancelled] = queue.SimpleQueue()
        self._watch = DiskWatch(job, engine, self._mail.put)
        self._events: dict[str, StepEvent] = {}
        self._steps = {step.name: step for step in job.all_steps}
        self._runs: dict[str, StepRun] = {}
        self._course = Course({step.name: "pending" for step in job.all_steps})
        self._deadlines = Deadlines(time.monotonic() + job.timeout)
        self._failed: list[str] = []
        self._allowed = job.disk
        self._killed = False
        self._broken: Exception | None = None
        self._error = False
        self._reason = ""

    def run(self, source: Source | None) -> Result:
        for name in ([CLONE] if source else []) + [step.name for step in self._job.all_steps]:
            self._tell(StepEvent(name, "pending"))
        with self._cleaned_up(), self._cancel.calling(lambda: self._mail.put(_Cancelled())):
            if self._set_up():
                if source is not None:
                    self._clone(source)
                self._run_steps()
        if self._broken is not None:
            raise self._broken
        culprit = self._failed[0] if self._failed else ""
        return Result(self._state(), tuple(self._events.values()), self._reason, culprit)

    def _state(self) -> State:
        if self._killed:
            return "killed"
        if self._error:
            return "error"
        return "failure" if self._course.failed else "success"

    # The parts of a run.

    def _set_up(self) -> bool:
        try:
            self._engine.set_up(self._job)
        except StepError as error:
            self._error = True
            self._reason = in_a_line(error)
            self._skip_all(self._reason)
            return False
        return True

    def _clone(self, source: Source) -> None:
        log = Log(self._outlets.open_log(CLONE))
        began = time.time()
        self._tell(StepEvent(CLONE, "running", started=began))
        state: State = "success"
        reason = ""
        try:
            with source.archive(lambda line: log.write(f"{line}\n".encode()), self._cancel) as tar:
                self._engine.fill(self._job, tar)
        except (SourceError, StepError) as error:
            state = "error" if isinstance(error, StepError) else "failure"
            reason = in_a_line(error)
            log.say(reason)
        log.close()
        if self._cancel.is_set():
            state, reason = "killed", self._cancel.reason
        self._tell(StepEvent(CLONE, state, None, began, time.time(), reason))
        self._error = state == "error"
        if state != "success":
            self._course = replace(self._course, failed=True)
            self._failed.append(CLONE)

    def _run_steps(self) -> None:
        if self._cancel.is_set():
            self._kill(self._cancel.reason)
        self._watch.start()
        while not self._advance():
            self._take_next()
        for name in self._running():
            self._stop(name, "success", "", grace=0.0)
        while self._running():
            self._take_next()

    def _advance(self) -> bool:
        """Start and skip what is due; whether only what is detached goes on."""
        while (now := due(self._job, self._course)) != Due():
            for step, reason in now.skip:
                self._tell(StepEvent(step.name, "skipped", reason=reason))
            for step in now.start:
                self._begin(step)
        over = is_over(self._job, self._course)
        if not over and not self._running():
            self._skip_all("it depends on itself")
            self._error = over = True
        return over

    def _begin(self, step: JobStep) -> None:
        log = Log(self._outlets.open_log(step.name), step.limits.log)
        late = self._job.late(tuple(self._failed), int(time.time()))
        told = replace(step, environment={**step.environment, **late})
        run = StepRun(self._job, told, self._engine, log, self._mail.put)
        self._runs[step.name] = run
        self._tell(StepEvent(step.name, "running", started=run.started))
        run.begin()

    # What comes, one after another.

    def _take_next(self) -> None:
        try:
            message = self._mail.get(timeout=self._deadlines.left())
        except queue.Empty:
            self._pass_deadlines()
            return
        match message:
            case Up(name):
                self._is_up(name)
            case Over(event):
                self._is_over(event)
            case Broken(name, error):
                self._is_broken(name, error)
            case TooMuch():
                self._is_too_much(message)
            case _Cancelled():
                self._kill(self._cancel.reason)

    def _is_up(self, name: str) -> None:
        step = self._steps[name]
        self._course = replace(self._course, up=self._course.up | {name})
        if step.timeout:
            self._deadlines.steps[name] = time.monotonic() + step.timeout

    def _is_over(self, event: StepEvent) -> None:
        if self._events[event.step].state in FINAL:
            return  # It was given up.
        step = self._steps[event.step]
        detached = self._is_detached(event.step)
        self._tell(event)
        self._deadlines.forget(event.step)
        # How a service ends is nobody's failure. Source: docs.drone.io, "Services".
        bad = event.state == "error" or (event.state == "failure" and not detached)
        if bad and step.failure != "ignore":
            self._error = self._error or event.state == "error"
            self._course = replace(self._course, failed=True)
            self._failed.append(event.step)
        if event.exit_code == EARLY_END and event.state == "success" and not detached:
            self._course = replace(self._course, ended_early=event.step)

    def _is_broken(self, name: str, error: Exception) -> None:
        """Nobody answers for this step: so for none of them."""
        what = error.what if isinstance(error, BeeyardError) else repr(error)
        self._tell(replace(self._events[name], state="error", stopped=time.time(), reason=what))
        self._deadlines.forget(name)
        self._broken = self._broken or error
        self._kill(what)

    def _is_too_much(self, found: TooMuch) -> None:
        """Stop the step that wrote it; and of volumes, all that may have."""
        if found.step:
            guilty = [found.step] if found.step in self._running() else []
        elif found.size > self._allowed:
            guilty = [one for one in self._running() if not self._is_detached(one)]
            self._allowed = found.size + MORE if guilty else self._allowed
        else:
            guilty = []
        for name in guilty:
            self._stop(name, "failure", found.reason, grace=0.0)

    def _pass_deadlines(self) -> None:
        now = time.monotonic()
        for name in self._deadlines.stuck(now):
            self._is_broken(
                name,
                EngineGone(
                    "the Docker engine does not end a container",
                    where=name,
                    why=f"it was told to {_PATIENCE:g} s ago",
                    fix="see the engine's own log",
                ),
            )
        for name in self._deadlines.passed(now):
            limit = self._steps[name].timeout
            self._stop(name, "failure", f"stopped at its time limit of {limit:g} s")
        if now >= self._deadlines.job:
            self._kill(f"stopped at the pipeline's time limit of {self._job.timeout:g} s")

    # What is done about it.

    def _kill(self, reason: str) -> None:
        """Stop all that runs, and begin nothing more."""
        if self._killed:
            return
        self._killed = True
        self._deadlines.job = float("inf")
        self._reason = reason or "cancelled"
        for name in self._running():
            self._stop(name, "killed", self._reason)
        self._skip_all(self._reason)

    def _stop(self, name: str, state: State, reason: str, grace: float | None = None) -> None:
        run = self._runs[name]
        run.stop(state, reason, grace)
        self._deadlines.expect_end(name, time.monotonic() + run.step.grace + _PATIENCE)

    def _skip_all(self, reason: str) -> None:
        for name, event in tuple(self._events.items()):
            if event.state == "pending":
                self._tell(StepEvent(name, "skipped", reason=reason))

    def _tell(self, event: StepEvent) -> None:
        self._events[event.step] = event
        if event.step in self._course.states:
            states = {**self._course.states, event.step: event.state}
            self._course = replace(self._course, states=states)
        self._outlets.listener(event)

    def _running(self) -> list[str]:
        return [name for name in self._runs if self._course.states[name] not in FINAL]

    def _is_detached(self, name: str) -> bool:
        return self._job.is_detached(self._steps[name])

    @contextmanager
    def _cleaned_up(self) -> Iterator[None]:
        try:
            yield
        finally:
            self._watch.stop()
            left = [self._runs[name] for name in self._running()]
            for run in left:
                run.stop("killed", "", 0.0)
            end = time.monotonic() + _HASTE
            for run in left:
                run.await_end(max(0.0, end - time.monotonic()))
            try:
                self._engine.tear_down(self._job)
            except BeeyardError as error:
                # What the steps did stands. What is left goes with the next sweep.
                self._reason = self._reason or in_a_line(error)
