"""Which services gain from being moved."""

from typing import Any

import pytest

from beeyard.swarm import Port, Update
from beeyard.swarm.exclusion import DRAINING, KEPT_OFF
from beeyard.swarm.rebalance import REBALANCING, moves_of, plan_rebalance
from swarm.swarms import node, service, swarm

CROWDED = ("manager-1", "manager-1", "worker-1")


@pytest.mark.parametrize(
    ("counts", "moves"),
    [
        ((), 0),
        ((5,), 0),
        ((1, 0, 0), 0),
        ((2, 1, 1), 0),
        ((2, 0), 1),
        ((2, 2, 0), 1),
        ((3, 3, 0), 2),
        ((4, 0), 2),
        ((9, 0, 0), 6),
    ],
)
def test_how_many_move(counts: tuple[int, ...], moves: int) -> None:
    assert moves_of({f"worker-{index}": count for index, count in enumerate(counts)}) == moves


def test_only_those_that_gain_are_planned() -> None:
    seen = swarm(service("shop", *CROWDED), service("even", "manager-1", "worker-1", "worker-2"))
    plan = plan_rebalance(seen)
    assert [str(shift) for shift in plan.shifts] == [
        "shop: 1 to move (manager-1 2, worker-1 1, worker-2 0)"
    ]
    assert plan.left == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "global"},
        {"mode": "replicated-job"},
        {"ports": (Port(80, 80, "tcp", "host"),)},
        {"update_order": "stop-first"},
        {"update": Update("updating", "")},
        {"update": Update("paused", "")},
        {"wanted": 4},
        {"labels": {KEPT_OFF: "x"}},
        {"labels": {REBALANCING: "3"}},
        {"constraints": ("node.hostname!=worker-2",)},
    ],
)
def test_what_is_not_moved(changes: dict[str, Any]) -> None:
    assert plan_rebalance(swarm(service("shop", *CROWDED, **changes))).shifts == ()


@pytest.mark.parametrize(
    ("zones", "moves"),
    [(("a", "b", "c"), 1), (("a", "a", "a"), 1), (("a", "a", "b"), 0)],
)
def test_a_preference_is_kept_where_to_spread_over_nodes_is_to_spread_over_it(
    zones: tuple[str, ...], moves: int
) -> None:
    names = ("manager-1", "worker-1", "worker-2")
    nodes = [node(name, labels={"zone": zone}) for name, zone in zip(names, zones, strict=True)]
    seen = swarm(service("shop", *CROWDED, spread=("node.labels.zone",)), nodes=tuple(nodes))
    assert sum(shift.moves for shift in plan_rebalance(seen).shifts) == moves


@pytest.mark.parametrize(
    "changes", [{"availability": "pause"}, {"availability": "drain"}, {"state": "down"}]
)
def test_a_node_that_takes_nothing_gets_nothing(changes: dict[str, str]) -> None:
    nodes = (node("manager-1"), node("worker-1"), node("worker-2", **changes))
    assert plan_rebalance(swarm(service("shop", *CROWDED), nodes=nodes)).shifts == ()


def test_nothing_is_moved_while_a_node_is_drained() -> None:
    nodes = (node("manager-1", labels={DRAINING: "active"}), node("worker-1"), node("worker-2"))
    assert plan_rebalance(swarm(service("shop", *CROWDED), nodes=nodes)).shifts == ()


def test_what_was_left_with_one_replica_more_is_known() -> None:
    grown = service("shop", *CROWDED, labels={REBALANCING: "2"})
    assert plan_rebalance(swarm(grown)).left == ("shop",)
