"""What is written down of runs, one record for each thing that happened; state is made of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

#: How far a step, a stage or a run is. Drone's words; `superseded` is ours: a newer push of the
#: same branch took the place of a run that still waited.
Status = Literal[
    "pending",
    "running",
    "success",
    "failure",
    "error",
    "killed",
    "skipped",
    "superseded",
]
ENDED: frozenset[Status] = frozenset(
    ("success", "failure", "error", "killed", "skipped", "superseded")
)


class Record(BaseModel):
    """One line of the journal. `at` is the controller's clock, in UTC."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: datetime


class StepPlan(BaseModel):
    """A step as it was planned. `detach`: a service, whose end is not waited for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    image: str = ""
    detach: bool = False


class StagePlan(BaseModel):
    """A pipeline of the file, as it was planned for one run.

    skipped      why it does not run for this event; empty if it does
    on           the statuses of what it depends on for which it runs
    concurrency  how many of this name may run at once in the application; 0: any number
    needs        labels that its runner must have
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    steps: tuple[StepPlan, ...]
    depends_on: tuple[str, ...] = ()
    skipped: str = ""
    on: tuple[str, ...] = ("success",)
    concurrency: int = 0
    needs: Mapping[str, str] = {}


class RunCreated(Record):
    """An event that something runs for. `event` is a `pipelines.Event` as JSON; `config` the text
    of `.drone.yml`; `problem` why nothing can run (mistakes in that file, such as)."""

    kind: Literal["run.created"] = "run.created"
    run: int
    application: str
    event: Mapping[str, Any]
    config: str = ""
    stages: tuple[StagePlan, ...] = ()
    problem: str = ""
    by: str = ""
    retry_of: int | None = None


class StageAssigned(Record):
    """A runner has taken a stage. `attempt` is the word by which it is known from then on."""

    kind: Literal["stage.assigned"] = "stage.assigned"
    run: int
    stage: str
    runner: str
    attempt: str


class StageReturned(Record):
    """A runner was handed a stage and knows nothing of it: it waits again, as if never taken."""

    kind: Literal["stage.returned"] = "stage.returned"
    run: int
    stage: str


class StageEnded(Record):
    """A stage came to its end, or never began (`skipped`, `killed`)."""

    kind: Literal["stage.ended"] = "stage.ended"
    run: int
    stage: str
    status: Status
    reason: str = ""


class StepChanged(Record):
    """A step began or ended."""

    kind: Literal["step.changed"] = "step.changed"
    run: int
    stage: str
    step: str
    status: Status
    exit_code: int | None = None
    reason: str = ""


class RunCancelled(Record):
    """Somebody wants no more of it; what runs is stopped by its runner."""

    kind: Literal["run.cancelled"] = "run.cancelled"
    run: int
    by: str


class RunSuperseded(Record):
    """A newer push took its place before any of it ran."""

    kind: Literal["run.superseded"] = "run.superseded"
    run: int
    by_run: int


class DeployStarted(Record):
    """A step deploys. Written before anything is done, so that no step deploys twice: whoever asks
    with the same attempt and step again is told what became of it."""

    kind: Literal["deploy.started"] = "deploy.started"
    run: int
    stage: str
    step: str
    attempt: str


class DeployEnded(Record):
    """What became of it: `release` is the number of the one that serves; `problem` empty: well."""

    kind: Literal["deploy.ended"] = "deploy.ended"
    run: int
    stage: str
    step: str
    release: int | None = None
    problem: str = ""


RunRecord = (
    RunCreated
    | StageAssigned
    | StageReturned
    | StageEnded
    | StepChanged
    | RunCancelled
    | RunSuperseded
    | DeployStarted
    | DeployEnded
)
