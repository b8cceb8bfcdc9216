"""Runs as they stand: made of records, one after another, and of nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from beeyard.controller.records import (
    ENDED,
    DeployEnded,
    DeployStarted,
    RunCancelled,
    RunCreated,
    RunRecord,
    RunSuperseded,
    StageAssigned,
    StageEnded,
    StagePlan,
    StageReturned,
    Status,
    StepChanged,
    StepPlan,
)

#: How many runs are kept in memory; older ones are only in the journal's past.
KEPT = 500


@dataclass
class Step:
    """A step of a stage, as far as it is."""

    plan: StepPlan
    status: Status = "pending"
    exit_code: int | None = None
    reason: str = ""
    started: datetime | None = None
    stopped: datetime | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "image": self.plan.image,
            "status": self.status,
            "exit_code": self.exit_code,
            "reason": self.reason,
            "started": _text(self.started),
            "stopped": _text(self.stopped),
        }


@dataclass
class Stage:
    """A pipeline of a run, as far as it is. `attempt` is empty until a runner has taken it."""

    plan: StagePlan
    steps: dict[str, Step]
    status: Status = "pending"
    reason: str = ""
    runner: str = ""
    attempt: str = ""
    started: datetime | None = None
    stopped: datetime | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "status": self.status,
            "reason": self.reason,
            "runner": self.runner,
            "depends_on": list(self.plan.depends_on),
            "started": _text(self.started),
            "stopped": _text(self.stopped),
            "steps": [step.as_dict() for step in self.steps.values()],
        }


@dataclass
class Deploy:
    """What a step deployed. `ended` None: it goes on, or was cut short."""

    attempt: str
    ended: DeployEnded | None = None


@dataclass
class Run:
    """One event, and what runs for it."""

    number: int
    application: str
    event: Mapping[str, Any]
    config: str
    created: datetime
    by: str
    stages: dict[str, Stage]
    problem: str = ""
    retry_of: int | None = None
    cancelled_by: str = ""
    superseded_by: int | None = None
    deploys: dict[tuple[str, str], Deploy] = field(default_factory=dict)
    history: list[RunRecord] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What it is called where people read of it."""
        return f"{self.application} run {self.number}"

    @property
    def status(self) -> Status:
        """What its stages make of it."""
        if self.superseded_by is not None:
            return "superseded"
        if self.problem:
            return "error"
        found = [stage.status for stage in self.stages.values()]
        if any(status not in ENDED for status in found):
            begun = any(stage.started for stage in self.stages.values())
            return "running" if begun else "pending"
        for worst in ("error", "killed", "failure"):
            if worst in found:
                return worst
        return "success" if "success" in found else "skipped"

    @property
    def ended(self) -> bool:
        return self.status in ENDED

    @property
    def waits(self) -> bool:
        """Whether nothing of it has begun."""
        return self.status == "pending"

    @property
    def started(self) -> datetime | None:
        return min((s.started for s in self.stages.values() if s.started), default=None)

    @property
    def stopped(self) -> datetime | None:
        if not self.ended:
            return None
        return max((s.stopped for s in self.stages.values() if s.stopped), default=self.created)

    def as_dict(self) -> dict[str, Any]:
        """The run for the API and `--json`."""
        return {
            "number": self.number,
            "application": self.application,
            "status": self.status,
            "problem": self.problem,
            "event": {key: value for key, value in self.event.items() if value},
            "by": self.by,
            "created": _text(self.created),
            "started": _text(self.started),
            "stopped": _text(self.stopped),
            "retry_of": self.retry_of,
            "cancelled_by": self.cancelled_by,
            "superseded_by": self.superseded_by,
            "releases": [
                deploy.ended.release
                for deploy in self.deploys.values()
                if deploy.ended and deploy.ended.release is not None
            ],
            "stages": [stage.as_dict() for stage in self.stages.values()],
        }


@dataclass
class Runs:
    """All runs that are known, by number."""

    by_number: dict[int, Run] = field(default_factory=dict)
    last: int = 0

    def __iter__(self) -> Iterator[Run]:
        return iter(self.by_number.values())

    def get(self, number: int) -> Run | None:
        return self.by_number.get(number)

    def open(self) -> list[Run]:
        """Those that have not come to an end, the oldest first."""
        return [run for run in self if not run.ended]

    def records(self) -> Iterator[RunRecord]:
        """What gives the same runs again."""
        for run in self:
            yield from run.history

    def apply(self, record: RunRecord) -> None:
        """Take in what happened. What concerns a run that is no longer known changes nothing."""
        if isinstance(record, RunCreated):
            self._create(record)
            return
        run = self.by_number.get(record.run)
        if run is not None:
            run.history.append(record)
            _change(run, record)

    def _create(self, record: RunCreated) -> None:
        self.by_number[record.run] = Run(
            number=record.run,
            application=record.application,
            event=record.event,
            config=record.config,
            created=record.at,
            by=record.by,
            stages={plan.name: _stage(plan) for plan in record.stages},
            problem=record.problem,
            retry_of=record.retry_of,
            history=[record],
        )
        self.last = max(self.last, record.run)
        while len(self.by_number) > KEPT:
            ended = next((number for number, run in self.by_number.items() if run.ended), None)
            if ended is None:
                break
            del self.by_number[ended]


def _stage(plan: StagePlan) -> Stage:
    stage = Stage(plan, {step.name: Step(step) for step in plan.steps})
    if plan.skipped:
        stage.status, stage.reason = "skipped", plan.skipped
        for step in stage.steps.values():
            step.status = "skipped"
    return stage


def _change(run: Run, record: RunRecord) -> None:
    match record:
        case RunCancelled():
            run.cancelled_by = record.by
        case RunSuperseded():
            run.superseded_by = record.by_run
        case DeployStarted():
            run.deploys[record.stage, record.step] = Deploy(record.attempt)
        case DeployEnded():
            run.deploys[record.stage, record.step].ended = record
        case StageAssigned() | StageReturned() | StageEnded() | StepChanged():
            _advance(run.stages[record.stage], record)


def _advance(
    stage: Stage, record: StageAssigned | StageReturned | StageEnded | StepChanged
) -> None:
    match record:
        case StageAssigned():
            stage.status, stage.started = "running", record.at
            stage.runner, stage.attempt = record.runner, record.attempt
        case StageReturned():
            stage.status, stage.started, stage.runner, stage.attempt = "pending", None, "", ""
        case StageEnded():
            _end(stage, record)
        case StepChanged():
            _step(stage.steps[record.step], record)


def _end(stage: Stage, record: StageEnded) -> None:
    stage.status, stage.reason, stage.stopped = record.status, record.reason, record.at
    left: Status = "skipped" if stage.started is None else "killed"
    for step in stage.steps.values():
        if step.status not in ENDED:
            step.status = left if step.status == "running" else "skipped"
            step.stopped = record.at if step.started else None


def _step(step: Step, record: StepChanged) -> None:
    step.status, step.exit_code, step.reason = record.status, record.exit_code, record.reason
    if record.status == "running":
        step.started = record.at
    elif record.status in ENDED:
        step.stopped = record.at


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
