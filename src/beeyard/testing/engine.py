"""An `Engine` without containers: each step does what a test scripted for it."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.engine import Ended, EngineGone, StepError, Usage, Write
from beeyard.pipelines.plan import LABEL, Job, JobStep
from beeyard.secret import Secret

_TERMINATED, _KILLED = 128 + 15, 128 + 9


@dataclass(frozen=True)
class Act:
    """What a container does.

    output    what it writes
    code      with what it ends, after that
    hangs     it never ends by itself; and with `deaf` only when it is killed
    until     it ends when this is set
    out_of_memory  the kernel killed a process of it
    no_image  why its image can't be had
    no_start  why its container can't be started
    gone      the engine is gone when its end is awaited
    """

    output: bytes = b""
    code: int = 0
    hangs: bool = False
    deaf: bool = False
    until: threading.Event | None = None
    out_of_memory: bool = False
    no_image: str = ""
    no_start: str = ""
    gone: bool = False


class FakeStarted:
    """A container that never was."""

    def __init__(self, engine: "FakeEngine", job: Job, step: JobStep, write: Write) -> None:
        self._engine = engine
        self._key = (job.id, step.name)
        self._act = engine.acts.get(step.name, Act())
        self._write = write
        self._stopped = threading.Event()
        self._code = self._act.code
        self._writer = threading.Thread(target=self._speak, daemon=True)
        self._writer.start()

    def _speak(self) -> None:
        if self._act.output:
            self._write(self._act.output)

    def wait(self) -> Ended:
        if self._act.gone:
            raise EngineGone("the engine does not answer")
        self._writer.join()
        if self._act.hangs:
            self._stopped.wait()
        elif self._act.until is not None:
            while not self._stopped.wait(0.005) and not self._act.until.is_set():
                pass
        if self._stopped.is_set():
            return Ended(self._code)
        return Ended(self._act.code, self._act.out_of_memory)

    def stop(self, grace: float) -> None:
        if not self._stopped.is_set():
            self._engine.stops.append((self._key[1], grace))
            gentle = grace and not self._act.deaf
            self._code = _TERMINATED if gentle else _KILLED
            self._stopped.set()

    def remove(self) -> None:
        if self._engine.stuck:
            raise StepError("its container could not be removed", why=self._engine.stuck)
        self._engine.there.pop(self._key, None)


@dataclass
class FakeEngine:
    """Plays `acts`, by step; a step without one writes nothing and ends with 0.

    there     labels of what there is, by job and step; a job's network and volumes have step ""
    started   the names of steps, in the order in which they were started
    environments  the variables of each that was started
    fetched   the images that were asked for
    stops     which step was told to stop, and how much time it had (seconds)
    filled    what the workspace was filled with
    used      what `usage` says
    refuses   why nothing can be set up
    stuck     what the engine can't remove
    """

    acts: Mapping[str, Act] = field(default_factory=dict)
    used: Usage | None = None
    refuses: str = ""
    stuck: str = ""
    there: dict[tuple[str, str], Mapping[str, str]] = field(default_factory=dict)
    started: list[str] = field(default_factory=list)
    environments: dict[str, Mapping[str, str | Secret]] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    stops: list[tuple[str, float]] = field(default_factory=list)
    filled: bytes | None = None

    def set_up(self, job: Job) -> None:
        if self.refuses:
            raise StepError("nothing can be made", why=self.refuses)
        self.there[job.id, ""] = job.all_labels

    def fill(self, job: Job, archive: Iterable[bytes]) -> None:  # noqa: ARG002
        self.filled = b"".join(archive)

    def fetch(
        self,
        job: Job,  # noqa: ARG002
        step: JobStep,
        say: Callable[[str], None],  # noqa: ARG002
        cancel: Cancel,  # noqa: ARG002
    ) -> None:
        self.fetched.append(step.image)
        if reason := self.acts.get(step.name, Act()).no_image:
            raise StepError(f"the image {step.image} can't be pulled", where=step.name, why=reason)

    def start(self, job: Job, step: JobStep, write: Write) -> FakeStarted:
        if reason := self.acts.get(step.name, Act()).no_start:
            raise StepError("its container could not be started", where=step.name, why=reason)
        self.started.append(step.name)
        self.environments[step.name] = step.environment
        self.there[job.id, step.name] = job.all_labels
        return FakeStarted(self, job, step, write)

    def usage(self, job: Job) -> Usage | None:  # noqa: ARG002
        return self.used

    def tear_down(self, job: Job) -> None:
        if self.stuck:
            raise StepError("what a run left could not be removed", why=self.stuck)
        self.sweep({LABEL: job.id})

    def sweep(
        self,
        labels: Mapping[str, str],
        spare: Callable[[Mapping[str, str]], bool] = lambda _: False,
    ) -> int:
        found = [
            key
            for key, its in self.there.items()
            if all(name in its and value in {"", its[name]} for name, value in labels.items())
            and not spare(its)
        ]
        for key in found:
            del self.there[key]
        return len(found)
