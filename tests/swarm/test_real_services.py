"""Services of a real Swarm changed and scaled; nothing is lost, whatever others do meanwhile."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from beeyard.errors import SwarmError
from beeyard.process import Command
from beeyard.swarm import Manager, await_converged
from beeyard.swarm.scale import scale
from beeyard.swarm.services import (
    Spec,
    change_service,
    forced,
    scaled,
    with_constraint,
    with_labels,
    without_constraint,
)
from swarm.real_services import QUICK, find, ids, service, spec_of, watched

pytestmark = pytest.mark.real


def test_a_change_keeps_every_other_field_and_every_task(real_swarm: Any, manager: Manager) -> None:
    flags = (
        *("--replicas=2", "--env=A=1", "--container-label=x=y", "--stop-grace-period=3s"),
        *("--update-delay=1s", "--limit-memory=64m", "--host=one:10.1.1.1", "--init"),
    )
    with service(real_swarm, manager, "changed", *flags):
        before, tasks = spec_of(manager, "changed"), ids(manager, "changed")
        assert change_service(manager, "changed", lambda spec: with_labels(spec, {"a": "b"}))
        assert spec_of(manager, "changed") == {**before, "Labels": {"a": "b"}}
        assert not change_service(manager, "changed", lambda spec: with_labels(spec, {"a": "b"}))

        # Also a placement that is satisfied, and that goes again.
        for change in (with_constraint, without_constraint):
            change_service(
                manager,
                "changed",
                lambda spec, change=change: change(spec, "node.hostname!=nowhere"),  # type: ignore[misc]
            )
            await_converged(manager, ["changed"], patience=QUICK)
            assert ids(manager, "changed") == tasks


def test_tidying_changes_nothing_that_is_as_it_should_be(real_swarm: Any, manager: Manager) -> None:
    with service(real_swarm, manager, "tidy", "--replicas=2", "--update-order=start-first"):
        before, tasks = find(manager.snapshot(), "tidy"), ids(manager, "tidy")
        manager.tidy("tidy")
        after = find(await_converged(manager, ["tidy"], patience=QUICK), "tidy")
        assert after.version > before.version
        assert (after.definition, ids(manager, "tidy")) == (before.definition, tasks)


def test_changes_at_the_same_time_are_all_kept(real_swarm: Any, manager: Manager) -> None:
    def add(number: int) -> None:
        with real_swarm.tunnel() as tunnel:
            change_service(
                Manager(tunnel.client), "busy", lambda spec: with_labels(spec, {f"n{number}": "x"})
            )

    with service(real_swarm, manager, "busy", "--replicas=0"):
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(12)))
        assert len(spec_of(manager, "busy")["Labels"]) == 12


def test_a_writer_that_always_comes_too_late_says_so(real_swarm: Any, manager: Manager) -> None:
    with service(real_swarm, manager, "raced", "--replicas=0"):

        def slow(spec: Spec) -> Spec:
            change_service(manager, "raced", forced)
            return with_labels(spec, {"mine": "yes"})

        with pytest.raises(SwarmError, match="somebody else changes it"):
            change_service(manager, "raced", slow)
        assert "mine" not in (spec_of(manager, "raced").get("Labels") or {})


def test_a_service_that_is_not_there(real_swarm: Any, manager: Manager) -> None:
    with pytest.raises(SwarmError, match="the service nowhere could not be changed"):
        change_service(manager, "nowhere", forced)


def test_nodes_may_pull_after_a_change(real_swarm: Any, manager: Manager) -> None:
    private = f"{real_swarm.registry}/private:1"
    docker = real_swarm.on("manager-1")
    docker.run(Command(["docker", "tag", real_swarm.tiny, private]))
    docker.run(Command(["docker", "push", "--quiet", private]))
    pinned = "node.hostname==manager-1"
    with service(real_swarm, manager, "pulled", f"--constraint={pinned}"):

        def moved(spec: Spec) -> Spec:
            elsewhere = with_constraint(without_constraint(spec, pinned), "node.hostname==worker-1")
            container = {**elsewhere["TaskTemplate"]["ContainerSpec"], "Image": private}
            template = {**elsewhere["TaskTemplate"], "ContainerSpec": container}
            return {**elsewhere, "TaskTemplate": template}

        change_service(manager, "pulled", moved)
        seen = await_converged(manager, ["pulled"], patience=QUICK)
        (task,) = find(seen, "pulled").running
        assert (task.node, find(seen, "pulled").image) == ("worker-1", private)


def test_scaling_up_and_down_stops_no_other_task(real_swarm: Any, manager: Manager) -> None:
    with service(real_swarm, manager, "scaled", "--replicas=2"):
        two = ids(manager, "scaled")
        with watched(real_swarm, "scaled") as watch:
            seen = scale(manager, {"scaled": 4}, patience=QUICK)
            assert len(find(seen, "scaled").running) == 4
            assert set(two) < set(ids(manager, "scaled"))
            scale(manager, {"scaled": 2}, patience=QUICK)
        assert min(watch.counts) == 2
        assert max(watch.counts) == 4
        change_service(manager, "scaled", lambda spec: scaled(spec, 2))
        ended = [task for task in find(manager.snapshot(), "scaled").tasks if not task.runs]
        assert {task.exit_code for task in ended} <= {0, None}


def test_what_has_no_number_of_replicas_is_refused(real_swarm: Any, manager: Manager) -> None:
    with (
        service(real_swarm, manager, "counted", "--replicas=1"),
        service(real_swarm, manager, "everywhere", "--mode=global"),
    ):
        with pytest.raises(SwarmError, match="everywhere can't be scaled"):
            scale(manager, {"counted": 3, "everywhere": 3})
        with pytest.raises(SwarmError, match="there is no service nowhere"):
            scale(manager, {"counted": 3, "nowhere": 3})
        assert find(manager.snapshot(), "counted").wanted == 1
        with pytest.raises(SwarmError, match="everywhere can't be scaled"):
            change_service(manager, "everywhere", lambda spec: scaled(spec, 2))


def test_a_replica_that_no_node_takes_is_not_waited_for(real_swarm: Any, manager: Manager) -> None:
    with (
        service(real_swarm, manager, "large", "--replicas=1", "--reserve-memory=15g"),
        pytest.raises(SwarmError, match="large did not converge") as caught,
    ):
        scale(manager, {"large": 9}, patience=QUICK)
    assert "no suitable node" in str(caught.value.why)
