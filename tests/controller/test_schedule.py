"""Which stage runs next, what is superseded, and what comes to an end unrun."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from beeyard.controller.records import (
    RunCancelled,
    RunCreated,
    RunSuperseded,
    StageAssigned,
    StageEnded,
    StagePlan,
    Status,
    StepChanged,
    StepPlan,
)
from beeyard.controller.runs import Runs
from beeyard.controller.schedule import RunnerFacts, Settled, next_stage, settled, superseded

AT = datetime(2030, 1, 1, tzinfo=UTC)
ANY = RunnerFacts("worker-1", free=2)


def plan(name: str, *after: str, **more: Any) -> StagePlan:
    steps = (StepPlan(name="test"), StepPlan(name="build"))
    return StagePlan(name=name, steps=steps, depends_on=after, **more)


def created(number: int, stages: Sequence[StagePlan], **more: Any) -> RunCreated:
    event = {"kind": "push", "ref": "refs/heads/main"} | more.pop("event", {})
    fields = {"application": "timeoff"} | more
    return RunCreated(at=AT, run=number, event=event, stages=tuple(stages), **fields)


def runs(*records: Any) -> Runs:
    made = Runs()
    for record in records:
        made.apply(record)
    return made


def took(run: int, stage: str) -> StageAssigned:
    return StageAssigned(at=AT, run=run, stage=stage, runner="worker-1", attempt="a")


def ended(run: int, stage: str, status: Status = "success") -> StageEnded:
    return StageEnded(at=AT, run=run, stage=stage, status=status)


def status(known: Runs, number: int) -> Status:
    run = known.get(number)
    assert run is not None
    return run.status


def chosen(known: Runs, runner: RunnerFacts = ANY) -> tuple[int, str] | None:
    found = next_stage(known, runner)
    return (found[0].number, found[1].name) if found else None


def test_the_oldest_run_comes_first_and_a_stage_after_what_it_depends_on() -> None:
    known = runs(created(1, [plan("test"), plan("ship", "test")]), created(2, [plan("test")]))
    assert chosen(known) == (1, "test")
    known.apply(took(1, "test"))
    assert chosen(known) == (2, "test")
    known.apply(took(2, "test"))
    assert chosen(known) is None
    known.apply(ended(1, "test"))
    assert chosen(known) == (1, "ship")


def test_a_full_runner_gets_nothing() -> None:
    known = runs(created(1, [plan("test")]))
    assert chosen(known, RunnerFacts("worker-1", free=0)) is None


def test_a_stage_waits_for_a_runner_that_has_its_labels() -> None:
    known = runs(created(1, [plan("test", needs={"arch": "arm64"})]), created(2, [plan("test")]))
    assert chosen(known) == (2, "test")
    assert chosen(known, RunnerFacts("worker-2", labels={"arch": "arm64", "x": "y"})) == (1, "test")


def test_no_more_run_at_once_than_its_limit_says() -> None:
    one = plan("ship", concurrency=1)
    known = runs(created(1, [one]), created(2, [one]), created(3, [one], application="other"))
    known.apply(took(1, "ship"))
    assert chosen(known) == (3, "ship")
    known.apply(ended(1, "ship", "failure"))
    assert chosen(known) == (2, "ship")


def test_what_depends_on_a_failure_is_skipped_also_by_way_of_others() -> None:
    stages = [plan("test"), plan("build", "test"), plan("ship", "build"), plan("lint")]
    known = runs(created(1, stages), took(1, "test"), ended(1, "test", "failure"))
    assert list(settled(known)) == [Settled(1, "build", "skipped", "test ended with failure")]
    known.apply(ended(1, "build", "skipped"))
    assert list(settled(known)) == [Settled(1, "ship", "skipped", "test ended with failure")]
    known.apply(ended(1, "ship", "skipped"))
    assert list(settled(known)) == []
    assert chosen(known) == (1, "lint")
    known.apply(took(1, "lint"))
    known.apply(ended(1, "lint"))
    run = known.get(1)
    assert run is not None
    assert run.status == "failure"


def test_a_stage_for_failures_runs_after_one_and_only_then() -> None:
    stages = [plan("test"), plan("tell", "test", on=("failure",))]
    known = runs(created(1, stages), took(1, "test"), ended(1, "test", "failure"))
    assert list(settled(known)) == []
    assert chosen(known) == (1, "tell")

    known = runs(created(1, stages), took(1, "test"), ended(1, "test"))
    assert list(settled(known)) == [Settled(1, "tell", "skipped", "nothing before it failed")]


def test_what_another_trigger_skipped_holds_nothing_up() -> None:
    stages = [plan("nightly", skipped="its event is cron"), plan("ship", "nightly")]
    known = runs(created(1, stages))
    assert chosen(known) == (1, "ship")


def test_a_cancelled_run_starts_nothing_more_and_its_waiting_stages_are_killed() -> None:
    known = runs(created(1, [plan("test"), plan("ship", "test")]), took(1, "test"))
    known.apply(RunCancelled(at=AT, run=1, by="somebody"))
    assert chosen(known) is None
    assert list(settled(known)) == [Settled(1, "ship", "killed", "cancelled by somebody")]
    known.apply(ended(1, "ship", "killed"))
    assert status(known, 1) == "running"
    known.apply(ended(1, "test", "killed"))
    assert status(known, 1) == "killed"
    run = known.get(1)
    assert run is not None
    assert [step.status for step in run.stages["ship"].steps.values()] == ["skipped", "skipped"]


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({}, True),
        ({"event": {"ref": "refs/heads/other"}}, False),
        ({"application": "other"}, False),
        ({"event": {"kind": "cron"}}, False),
    ],
)
def test_a_newer_push_of_a_branch_takes_the_place_of_one_that_waits(
    change: dict[str, Any], gone: bool
) -> None:
    known = runs(created(1, [plan("test")], **change), created(2, [plan("test")]))
    newer = known.get(2)
    assert newer is not None
    found = [run.number for run in superseded(known, newer)]
    assert found == ([1] if gone else [])


def test_what_has_begun_is_not_superseded_and_neither_by_a_push_that_can_run_nothing() -> None:
    known = runs(created(1, [plan("test")]), took(1, "test"), created(2, [plan("test")]))
    known.apply(created(3, [], problem=".drone.yml has a mistake."))
    second, third = known.get(2), known.get(3)
    assert second is not None
    assert third is not None
    assert superseded(known, second) == []
    assert superseded(known, third) == []
    known.apply(RunSuperseded(at=AT, run=2, by_run=4))
    assert second.status == "superseded"
    assert chosen(known) is None


def test_an_old_state_that_is_run_once_more_is_no_newer_one() -> None:
    known = runs(created(1, [plan("test")]), created(2, [plan("test")], retry_of=1))
    again = known.get(2)
    assert again is not None
    assert superseded(known, again) == []


def test_a_run_of_which_only_skipped_stages_ended_waits_still() -> None:
    nightly = plan("nightly", skipped="its event is cron")
    known = runs(created(1, [nightly, plan("test")]), created(2, [nightly, plan("test")]))
    newer = known.get(2)
    assert newer is not None
    assert [run.number for run in superseded(known, newer)] == [1]


def test_steps_that_were_left_when_their_stage_ended_are_told_apart() -> None:
    known = runs(created(1, [plan("test")]), took(1, "test"))
    known.apply(StepChanged(at=AT, run=1, stage="test", step="test", status="running"))
    known.apply(ended(1, "test", "error"))
    run = known.get(1)
    assert run is not None
    assert [step.status for step in run.stages["test"].steps.values()] == ["killed", "skipped"]


def test_old_runs_are_forgotten_but_never_open_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beeyard.controller.runs.KEPT", 2)
    known = runs(
        created(1, [plan("test")]), created(2, [], problem="x"), created(3, [], problem="y")
    )
    assert [run.number for run in known] == [1, 3]
    known.apply(ended(2, "test"))
    assert known.last == 3
