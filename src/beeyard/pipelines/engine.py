"""The seam to whatever runs containers: `DockerEngine`, or `beeyard.testing.FakeEngine`.

Two kinds of errors pass it. `StepError`: this step, or this job, can't be run, and says why.
`EngineGone`: nobody answers any more, so nothing can be said of anything.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from beeyard.errors import PipelineError, ToolError
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.plan import Job, JobStep

#: Takes a piece of what a container writes. While it does not return, the container is held up.
Write = Callable[[bytes], None]


class StepError(PipelineError):
    """A step can't be run: its image can't be had, or its container can't be made or started."""


class EngineGone(ToolError):
    """The engine does not answer."""


@dataclass(frozen=True)
class Ended:
    """How a container ended. `out_of_memory`: the kernel killed a process of it for want of it."""

    code: int
    out_of_memory: bool = False


@dataclass(frozen=True)
class Usage:
    """Bytes on disk: what each running step has written outside volumes, and all volumes."""

    steps: Mapping[str, int] = field(default_factory=dict)
    volumes: int = 0


class Started(Protocol):
    """A container that was started."""

    def wait(self) -> Ended:
        """Its end, when all that it wrote has been handed on. Raises EngineGone."""
        ...

    def stop(self, grace: float) -> None:
        """Ask it to end, and after `grace` seconds end it. Does nothing if it has. EngineGone."""
        ...

    def remove(self) -> None:
        """Remove it, running or not. Raises EngineGone."""
        ...


class Engine(Protocol):
    """Runs the containers of jobs. All that it makes has the labels of its job."""

    def set_up(self, job: Job) -> None:
        """Make the job's network and its volumes. Raises StepError, EngineGone."""
        ...

    def fill(self, job: Job, archive: Iterable[bytes]) -> None:
        """Unpack a tar archive, which comes in pieces, into the workspace.

        Raises StepError, EngineGone, and whatever making the archive raises.
        """
        ...

    def fetch(self, job: Job, step: JobStep, say: Callable[[str], None], cancel: Cancel) -> None:
        """See that the step's image is there, as its `pull` wants it; `say` is told of pulling.

        Comes back early once cancelled. Raises StepError if it can't be had, EngineGone.
        """
        ...

    def start(self, job: Job, step: JobStep, write: Write) -> Started:
        """Start the step's container. `write` is called from another thread.

        Raises StepError, EngineGone.
        """
        ...

    def usage(self, job: Job) -> Usage | None:
        """What the job has on disk; None if the engine can't say just now. Raises EngineGone."""
        ...

    def tear_down(self, job: Job) -> None:
        """Remove all that was made for the job. Raises StepError for what stays, EngineGone."""
        ...

    def sweep(
        self,
        labels: Mapping[str, str],
        spare: Callable[[Mapping[str, str]], bool] = lambda _: False,
    ) -> int:
        """Remove whatever has these labels, and of what jobs made nothing else; gives how much.

        An empty value stands for any. `spare` is asked with all labels of each. For what a runner
        left that was killed. Raises StepError for what stays, EngineGone.
        """
        ...
