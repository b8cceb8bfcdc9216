"""What the controller makes of what it is told: written down first, and told to who waits."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from beeyard.controller.assignment import Poll
from beeyard.controller.core import LOST, Core, now
from beeyard.controller.crons import CronLooked
from beeyard.controller.records import (
    DeployEnded,
    Record,
    RunCreated,
    StagePlan,
    StepChanged,
    StepPlan,
)
from beeyard.controller.runs import Runs
from beeyard.controller.state import RUN_RECORDS
from beeyard.errors import PipelineError
from controller.paper import Paper

PLAN = StagePlan(name="test", steps=(StepPlan(name="unit"),))
SHIP = StagePlan(name="ship", steps=(StepPlan(name="deploy"),), depends_on=("test",))


def push(number: int, *stages: StagePlan, ref: str = "refs/heads/main") -> RunCreated:
    event = {"kind": "push", "ref": ref}
    return RunCreated(
        at=now(), run=number, application="shop", event=event, stages=stages or (PLAN,)
    )


def poll(runner: str = "worker-1", **more: Any) -> Poll:
    return Poll(runner=runner, **({"free": 1} | more))


def change(
    run: int, status: Any = "running", step: str = "unit", stage: str = "test"
) -> StepChanged:
    return StepChanged(at=now(), run=run, stage=stage, step=step, status=status)


def played(scene: Callable[[Core, Paper], Awaitable[None]]) -> Paper:
    """Plays a scene, then sees that the records alone give the same state again."""
    paper = Paper()

    async def play() -> Core:
        core = Core(Runs(), paper)
        await scene(core, paper)
        return core

    core = asyncio.run(play())
    again = Runs()
    for record in paper.records:
        assert isinstance(record, RUN_RECORDS)
        again.apply(record)  # type: ignore[arg-type]
    assert [run.as_dict() for run in again] == [run.as_dict() for run in core.runs]
    return paper


def test_a_push_runs_to_its_end() -> None:
    async def scene(core: Core, _: Paper) -> None:
        run = await core.create(lambda number: push(number, PLAN, SHIP))
        taken = await core.take(poll())
        assert taken is not None
        attempt = taken[1].attempt
        assert await core.take(poll(running=(attempt,))) is None
        await core.step(attempt, "unit", change(1))
        await core.step(attempt, "unit", change(1, "success"))
        await core.end_stage(attempt, "success")
        second = await core.take(poll(running=(attempt,)))
        assert second is not None
        assert second[1].name == "ship"
        await core.end_stage(second[1].attempt, "failure", "its step deploy failed")
        assert run.status == "failure"

    played(scene)


def test_what_a_run_was_begun_for_is_written_with_it_or_not_at_all() -> None:
    taken_in: list[Record] = []
    beside = CronLooked(at=now(), application="shop", name="nightly", schedule="0 3 * * *")

    async def scene() -> None:
        paper = Paper(broken=True)
        core = Core(Runs(), paper, take_in=taken_in.append)
        with pytest.raises(OSError, match="No space"):
            await core.create(push, beside)
        assert (list(core.runs), taken_in) == ([], [])
        paper.broken = False
        await core.create(push, beside)
        assert paper.appends == [2]
        assert taken_in == [beside]

    asyncio.run(scene())


def test_what_is_said_twice_counts_once() -> None:
    async def scene(core: Core, paper: Paper) -> None:
        await core.create(push)
        taken = await core.take(poll())
        assert taken is not None
        attempt = taken[1].attempt
        for _ in range(2):
            await core.step(attempt, "unit", change(1, "success"))
        await core.step(attempt, "unit", change(1, "running"))
        written = len(paper.records)
        assert taken[1].steps["unit"].status == "success"
        for _ in range(2):
            await core.end_stage(attempt, "success")
        assert len(paper.records) == written + 1
        with pytest.raises(PipelineError, match="over"):
            await core.step(attempt, "unit", change(1, "failure"))

    played(scene)


def test_of_pushes_that_wait_only_the_newest_of_a_branch_runs() -> None:
    async def scene(core: Core, _: Paper) -> None:
        for _number in range(5):
            await core.create(push)
        await core.create(lambda number: push(number, ref="refs/heads/other"))
        assert [run.status for run in core.runs] == [*["superseded"] * 4, "pending", "pending"]

    played(scene)


def test_a_runner_is_told_to_stop_what_was_cancelled_and_what_nobody_knows() -> None:
    async def scene(core: Core, _: Paper) -> None:
        await core.create(lambda number: push(number, PLAN, SHIP))
        taken = await core.take(poll())
        assert taken is not None
        attempt = taken[1].attempt
        assert core.to_stop((attempt, "stranger")) == ("stranger",)
        await core.cancel(1, "somebody")
        assert core.to_stop((attempt,)) == (attempt,)
        await core.end_stage(attempt, "killed")
        assert core.run(1).status == "killed"
        with pytest.raises(PipelineError, match="ended already"):
            await core.cancel(1, "somebody")
        with pytest.raises(PipelineError, match="no run 9"):
            await core.cancel(9, "somebody")

    played(scene)


def test_what_a_runner_never_heard_of_waits_again() -> None:
    async def scene(core: Core, _: Paper) -> None:
        await core.create(push)
        first = await core.take(poll())
        assert first is not None
        lost = first[1].attempt
        second = await core.take(poll())
        assert second is not None
        assert second[1].attempt != lost
        assert core.to_stop((lost,)) == (lost,)

    played(scene)


def test_what_a_runner_was_at_before_it_started_anew_is_not_run_twice() -> None:
    async def scene(core: Core, _: Paper) -> None:
        await core.create(lambda number: push(number, PLAN, SHIP))
        taken = await core.take(poll())
        assert taken is not None
        await core.step(taken[1].attempt, "unit", change(1))
        assert await core.take(poll(running=(taken[1].attempt,))) is None
        assert core.run(1).status == "running"
        assert await core.take(poll()) is None
        assert core.run(1).status == "error"
        assert "started anew" in core.run(1).stages["test"].reason

    played(scene)


def test_a_runner_that_falls_silent_is_given_up_and_its_stage_with_it() -> None:
    async def scene(core: Core, _: Paper) -> None:
        await core.create(lambda number: push(number, PLAN, SHIP))
        await core.take(poll())
        began = core.runners["worker-1"]
        assert await core.lose(began + LOST) == []
        assert await core.lose(began + LOST + 1) == ["worker-1"]
        run = core.run(1)
        assert run.status == "error"
        assert "worker-1 does not answer" in run.stages["test"].reason
        assert run.stages["ship"].status == "skipped"

    played(scene)


def test_a_new_copy_gives_runners_their_time_to_come_back() -> None:
    async def scene(core: Core, paper: Paper) -> None:
        await core.create(push)
        await core.take(poll())
        after = Core(core.runs, paper)
        after.expect(1000.0)
        assert await after.lose(1000.0 + LOST) == []
        assert await after.lose(1000.0 + LOST + 1) == ["worker-1"]
        assert core.run(1).status == "error"

    played(scene)


def test_no_step_deploys_twice() -> None:
    async def scene(core: Core, _: Paper) -> None:
        await core.create(push)
        taken = await core.take(poll())
        assert taken is not None
        attempt = taken[1].attempt
        assert await core.begin_deploy(attempt, "unit")
        assert not await core.begin_deploy(attempt, "unit")
        await core.end_deploy(DeployEnded(at=now(), run=1, stage="test", step="unit", release=4))
        assert core.run(1).as_dict()["releases"] == [4]

    played(scene)


def test_what_can_not_be_written_down_has_not_happened() -> None:
    async def scene(core: Core, paper: Paper) -> None:
        paper.broken = True
        with pytest.raises(OSError, match="No space"):
            await core.create(push)
        assert list(core.runs) == []
        paper.broken = False
        assert (await core.create(push)).number == 1

    played(scene)


def test_who_waits_is_woken() -> None:
    async def scene(core: Core, _: Paper) -> None:
        since = core.version
        assert not await core.changed(since, 0.01)
        waiting = asyncio.create_task(core.changed(since, 5))
        await asyncio.sleep(0)
        await core.create(push)
        assert await waiting
        # Also who looked before, and waits only now.
        assert await core.changed(since, 0.01)

    played(scene)
