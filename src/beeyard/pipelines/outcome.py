"""What becomes of a pipeline and of its steps, in Drone's words."""

from dataclasses import dataclass
from typing import Literal

#: `error`: it could not be run at all. `killed`: it was stopped. `skipped`: it was not begun.
State = Literal["pending", "running", "success", "failure", "killed", "skipped", "error"]

#: States that nothing comes after.
FINAL: frozenset[State] = frozenset({"success", "failure", "killed", "skipped", "error"})


@dataclass(frozen=True)
class StepEvent:
    """A step has come into a state. Times are seconds since 1970; 0: not yet.

    `reason` says in words what a state and a code do not, and of a success seldom anything.
    """

    step: str
    state: State
    exit_code: int | None = None
    started: float = 0.0
    stopped: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Result:
    """How a pipeline ended, with the last event of every step, in the order of the file.

    `culprit` is the first step whose failure is the pipeline's; empty: none is.
    """

    state: State
    steps: tuple[StepEvent, ...]
    reason: str = ""
    culprit: str = ""

    @property
    def failed(self) -> StepEvent | None:
        """The step to look at first, if one went wrong that was to go well."""
        return next((one for one in self.steps if one.step == self.culprit), None)
