"""What draining a node takes, and when a node may go: planned on what was seen."""

from typing import Any

import pytest

from beeyard.errors import SwarmError
from beeyard.swarm import Port, Update
from beeyard.swarm.drain_plan import Stop, find_node, plan_drain
from beeyard.swarm.exclusion import DRAINING, KEPT_OFF
from beeyard.swarm.removal import why_not
from swarm.swarms import node, service, swarm

WEB = (Port(80, 80, "tcp", "host"),)


def test_what_moves_and_what_stops_first() -> None:
    seen = swarm(
        service("agent", "manager-1", "worker-1", "worker-2", mode="global"),
        service("edge", "worker-1", ports=WEB),
        service("shop", "worker-1", "worker-2"),
        service("silent", "worker-1", update_order=None),
        service("writer", "worker-1", update_order="stop-first"),
        service("away", "worker-2"),
    )
    plan = plan_drain(seen, "worker-1")
    assert plan.moves == ("shop", "silent")
    assert plan.stops == (
        Stop("agent", "it runs once on every node"),
        Stop("edge", "it publishes ports of its node"),
        Stop("writer", "its update order is stop-first"),
    )
    assert (plan.left, plan.obstacles) == ((), ())
    assert plan.lines()[0] == "shop: replaced elsewhere, then stopped"
    assert plan.lines()[-1] == "writer: stopped first (its update order is stop-first)"
    assert plan == plan_drain(seen, "id-worker-1")


@pytest.mark.parametrize(
    ("one", "obstacle"),
    [
        (
            service("db", "worker-1", constraints=("node.hostname==worker-1",)),
            "no other node that is ready takes db (`node.hostname==worker-1`)",
        ),
        (
            service("shop", "worker-1", update=Update("paused", "")),
            "shop is in the middle of an update (paused)",
        ),
        (
            service("migration", "worker-1", restart="none"),
            "migration runs there to its end, and would begin anew elsewhere",
        ),
        (
            service("job", "worker-1", mode="global-job"),
            "job runs there to its end, and would begin anew elsewhere",
        ),
        (service("shop", "worker-1", wanted=3), "shop runs 1 of 3 replicas already"),
        (
            service("edge", "worker-1", "manager-1", "worker-2", ports=WEB),
            "no other node that is ready takes edge (port 80)",
        ),
    ],
)
def test_what_stands_in_the_way(one: Any, obstacle: str) -> None:
    assert plan_drain(swarm(one), "worker-1").obstacles == (obstacle,)
    assert plan_drain(swarm(one), "worker-1").lines()[-1] == f"can't be drained: {obstacle}"


def test_a_node_that_takes_nothing_is_no_way_out() -> None:
    closed = (
        node("manager-1", availability="drain"),
        node("worker-1"),
        node("worker-2", state="down"),
    )
    plan = plan_drain(swarm(service("shop", "worker-1"), nodes=closed), "worker-1")
    assert plan.obstacles == ("no other node that is ready takes shop",)


def test_one_node_at_a_time() -> None:
    nodes = (node("worker-1"), node("worker-2", labels={DRAINING: "active"}))
    assert plan_drain(swarm(nodes=nodes), "worker-1").obstacles == ("worker-2 is being drained",)
    assert plan_drain(swarm(nodes=nodes), "worker-2").obstacles == ()


def test_what_a_drain_left_is_known_and_does_not_stand_in_its_own_way() -> None:
    half = service(
        "shop",
        "worker-1",
        wanted=2,
        update=Update("updating", ""),
        labels={KEPT_OFF: "id-worker-1"},
        constraints=("node.id!=id-worker-1",),
    )
    plan = plan_drain(swarm(half), "worker-1")
    assert (plan.moves, plan.left, plan.obstacles) == (("shop",), ("shop",), ())


def test_a_node_that_is_not_there() -> None:
    with pytest.raises(SwarmError, match="there is no node worker-9") as caught:
        plan_drain(swarm(), "worker-9")
    assert caught.value.fix == "name one of manager-1, worker-1, worker-2"


def test_of_two_with_one_name_the_one_that_is_meant() -> None:
    nodes = (node("worker-1", id="old", state="down"), node("worker-1", id="new"))
    assert find_node(swarm(nodes=nodes), "worker-1").id == "new"
    assert find_node(swarm(nodes=nodes), "worker-1", gone=True).id == "old"


def managers(*states: str) -> tuple[Any, ...]:
    return tuple(
        node(
            f"manager-{number}",
            reachability=state,
            state="ready" if state == "reachable" else "down",
            availability="drain",
        )
        for number, state in enumerate(states, 1)
    )


@pytest.mark.parametrize(
    ("states", "why"),
    [
        (("reachable",), "it is the only manager"),
        (("reachable", "reachable"), ""),
        (("reachable", "unreachable"), "of the 1 managers left, 0 can be reached: no quorum"),
        (("unreachable", "reachable", "reachable"), ""),
        (
            ("reachable", "reachable", "unreachable"),
            "of the 2 managers left, 1 can be reached: no quorum",
        ),
    ],
)
def test_a_quorum_is_left(states: tuple[str, ...], why: str) -> None:
    nodes = managers(*states)
    assert why_not(swarm(nodes=nodes), nodes[0]) == why


def test_only_a_node_that_is_empty_or_gone_is_removed() -> None:
    active, drained = node("worker-1"), node("worker-1", availability="drain")
    assert why_not(swarm(), active) == "it is not drained"
    half = node("worker-1", availability="drain", labels={DRAINING: "active"})
    assert why_not(swarm(), half) == "it is not drained"
    assert why_not(swarm(service("shop", "worker-1")), drained) == "tasks still run there: shop.1"
    assert why_not(swarm(service("shop", "worker-2")), drained) == ""
    assert why_not(swarm(service("shop", "worker-1")), node("worker-1", state="down")) == ""
