"""Which stage runs next, and where. Pure: it looks at runs and runners, and changes neither."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from beeyard.controller.records import Status
from beeyard.controller.runs import Run, Runs, Stage


@dataclass(frozen=True)
class RunnerFacts:
    """What a runner says of itself. `free` is how many more stages it takes at once."""

    name: str
    free: int = 1
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settled:
    """A stage that will not run any more, and why."""

    run: int
    stage: str
    status: Status
    reason: str


def next_stage(runs: Runs, runner: RunnerFacts) -> tuple[Run, Stage] | None:
    """The stage that this runner takes now: of the oldest run that has one. None: there is none."""
    if runner.free < 1:
        return None
    for run in sorted(runs.open(), key=lambda run: run.number):
        if run.cancelled_by:
            continue
        for stage in run.stages.values():
            if _is_due(run, stage) and _suits(stage, runner) and _has_room(runs, run, stage):
                return run, stage
    return None


def settled(runs: Iterable[Run]) -> Iterator[Settled]:
    """Stages that wait for what will not come: theirs is said now, so that runs come to an end."""
    for run in runs:
        if run.ended:
            continue
        for stage in run.stages.values():
            if stage.status != "pending":
                continue
            if run.cancelled_by:
                yield Settled(run.number, stage.name, "killed", f"cancelled by {run.cancelled_by}")
            elif reason := _in_vain(run, stage):
                yield Settled(run.number, stage.name, "skipped", reason)


def superseded(runs: Runs, newer: Run) -> list[Run]:
    """The runs whose place a newer one takes: those that still wait, for an older state of the same
    branch, or of the same pull request, of the application."""
    kinds = ("push", "pull_request")
    if newer.event.get("kind") not in kinds or newer.problem or newer.retry_of is not None:
        # An old state that is run once more is no newer one.
        return []
    return [
        run
        for run in runs.open()
        if run.number < newer.number
        and run.waits
        and not run.cancelled_by
        and run.application == newer.application
        and run.event.get("kind") == newer.event.get("kind")
        and run.event.get("ref") == newer.event.get("ref")
    ]


def _is_due(run: Run, stage: Stage) -> bool:
    """Whether it waits, and all that it depends on has come to its end."""
    return stage.status == "pending" and all(
        run.stages[name].ended for name in stage.plan.depends_on if name in run.stages
    )


def _in_vain(run: Run, stage: Stage) -> str:
    """Why a stage whose dependencies have ended can't run any more; empty if it can, or may."""
    if not stage.plan.depends_on or not _is_due(run, stage):
        return ""
    # What was skipped for a failure before it hands the failure on.
    bad = next((s for s in _before(run, stage) if s.status not in ("success", "skipped")), None)
    outcome = "failure" if bad else "success"
    if outcome in stage.plan.on:
        return ""
    return f"{bad.name} ended with {bad.status}" if bad else "nothing before it failed"


def _before(run: Run, stage: Stage) -> list[Stage]:
    """All that a stage depends on, also by way of others."""
    found: dict[str, Stage] = {}
    names = list(stage.plan.depends_on)
    while names:
        name = names.pop()
        if name in run.stages and name not in found:
            found[name] = run.stages[name]
            names.extend(found[name].plan.depends_on)
    return list(found.values())


def _suits(stage: Stage, runner: RunnerFacts) -> bool:
    return all(runner.labels.get(key) == value for key, value in stage.plan.needs.items())


def _has_room(runs: Runs, run: Run, stage: Stage) -> bool:
    """Whether fewer of this name run in the application than may."""
    if stage.plan.concurrency < 1:
        return True
    busy = sum(
        other.application == run.application
        and (one := other.stages.get(stage.name)) is not None
        and one.status == "running"
        for other in runs.open()
    )
    return busy < stage.plan.concurrency
