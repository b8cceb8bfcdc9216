"""Tasks of a real Swarm moved to a node that came back."""

from collections.abc import Iterator
from typing import Any

import pytest

from beeyard.errors import SwarmError
from beeyard.process import Command
from beeyard.swarm import Manager
from beeyard.swarm.rebalance import (
    REBALANCING,
    one_more,
    plan_rebalance,
    rebalance,
)
from beeyard.swarm.services import change_service
from swarm.real_services import QUICK, find, ids, service, spec_of, watched

pytestmark = [pytest.mark.real, pytest.mark.slow(3)]


@pytest.fixture
def joining(real_swarm: Any) -> Iterator[Any]:
    """`joining(False)`: worker-2 takes no new tasks, as before it joined; `True`: it does."""

    def switch(*, there: bool) -> None:
        availability = "active" if there else "pause"
        argv = ["docker", "node", "update", f"--availability={availability}", "worker-2"]
        real_swarm.on("manager-1").run(Command(argv))

    switch(there=False)
    yield switch
    switch(there=True)


def counts(manager: Manager, name: str) -> list[int]:
    nodes = find(manager.snapshot(), name).nodes
    return [nodes.count(node) for node in ("manager-1", "worker-1", "worker-2")]


def test_only_what_gains_is_moved_and_nothing_is_lost(
    real_swarm: Any, manager: Manager, joining: Any
) -> None:
    with (
        service(real_swarm, manager, "many", "--replicas=6"),
        service(real_swarm, manager, "few", "--replicas=2"),
        service(real_swarm, manager, "everywhere", "--mode=global"),
    ):
        assert counts(manager, "many") == [3, 3, 0]
        joining(there=True)
        (shift,) = plan_rebalance(manager.snapshot()).shifts
        assert str(shift) == "many: 2 to move (manager-1 3, worker-1 3, worker-2 0)"

        before, tasks, few = spec_of(manager, "many"), ids(manager, "many"), ids(manager, "few")
        with watched(real_swarm, "many") as watch:
            (moved,) = rebalance(manager, patience=QUICK)
        assert counts(manager, "many") == [2, 2, 2]
        assert dict(moved.after) == {"manager-1": 2, "worker-1": 2, "worker-2": 2}
        assert (min(watch.counts), max(watch.counts)) == (6, 7)
        # Four of the six never noticed.
        assert len(set(tasks) & set(ids(manager, "many"))) == 4
        assert ids(manager, "few") == few
        assert spec_of(manager, "many") == before | {"Labels": {}}
        assert rebalance(manager) == ()


def test_a_task_that_does_not_come_up_there_is_taken_back(
    real_swarm: Any, manager: Manager, joining: Any
) -> None:
    for node in ("manager-1", "worker-1"):
        real_swarm.on(node).run(Command(["mkdir", "-p", "/here"]))
    mount = "--mount=type=bind,source=/here,target=/here"
    with service(real_swarm, manager, "bound", "--replicas=4", mount):
        joining(there=True)
        before, tasks = spec_of(manager, "bound"), ids(manager, "bound")
        with (
            watched(real_swarm, "bound") as watch,
            pytest.raises(SwarmError, match="bound did not converge") as caught,
        ):
            rebalance(manager, patience=QUICK)
        assert "bind source path does not exist: /here" in str(caught.value.why)
        assert min(watch.counts) == 4
        now = find(manager.snapshot(), "bound")
        assert (now.wanted, len(now.running)) == (4, 4)
        # Swarm chooses which of those on the fullest node goes, each started before another stops.
        assert len(set(tasks) & set(ids(manager, "bound"))) >= 2
        after = spec_of(manager, "bound")
        assert (after["Mode"], after["Labels"]) == (before["Mode"], {})
        assert not after["TaskTemplate"]["Placement"].get("Constraints")


def test_a_run_that_was_killed_leaves_no_replica_too_many(
    real_swarm: Any, manager: Manager
) -> None:
    with service(real_swarm, manager, "half", "--replicas=2"):
        change_service(manager, "half", one_more)
        assert spec_of(manager, "half")["Labels"] == {REBALANCING: "2"}
        assert plan_rebalance(manager.snapshot()).left == ("half",)
        with watched(real_swarm, "half") as watch:
            assert rebalance(manager, patience=QUICK) == ()
        assert min(watch.counts) == 2
        assert len(ids(manager, "half")) == 2
        assert spec_of(manager, "half")["Labels"] == {}
