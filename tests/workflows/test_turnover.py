"""Nodes that go under a Swarm that goes on: what is refused, and what is forgotten."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.cloud.nodes import Turnover
from beeyard.errors import Refused
from beeyard.swarm.exclusion import DRAINING
from beeyard.workflows import Cluster
from beeyard.workflows import turnover as turnover_workflow
from beeyard.workflows.turnover import (
    TURNING,
    absent_members,
    ghosts,
    in_turn,
    left_draining,
    refuse_managers,
)
from cloud.example import MANAGER, WORKERS, spec
from swarm.swarms import node, swarm

MakeCluster = Callable[..., Cluster]
MANAGERS = ("manager-1", "manager-2", "manager-3")


def cluster_of(make_cluster: MakeCluster, **sections: Any) -> Cluster:
    return replace(make_cluster(), spec=spec(**sections))


def test_workers_may_come_and_go(make_cluster: MakeCluster) -> None:
    turn = Turnover(("worker-1",), ("worker-2",), ("worker-3", "manager-1"))
    refuse_managers(cluster_of(make_cluster), turn, MANAGERS)


@pytest.mark.parametrize(
    "turn", [Turnover(leaving=("manager-2",)), Turnover(replaced=("worker-1", "manager-2"))]
)
def test_a_manager_is_not_given_up(make_cluster: MakeCluster, turn: Turnover) -> None:
    with pytest.raises(Refused) as caught:
        refuse_managers(cluster_of(make_cluster), turn, MANAGERS)
    assert caught.value.what == "manager-2 would be made anew, and the Swarm would be lost with it"


@pytest.mark.parametrize(
    ("there", "says"), [(("manager-1",), "there is 1 manager"), (MANAGERS[:2], "there are 2")]
)
def test_their_number_stays(make_cluster: MakeCluster, there: tuple[str, ...], says: str) -> None:
    with pytest.raises(Refused) as caught:
        refuse_managers(cluster_of(make_cluster), Turnover(), there)
    assert caught.value.what.startswith(says)
    assert caught.value.what.endswith("and beeyard.yml says 3")


UP = node("worker-1", address="10.0.0.11")
DOWN = node("worker-2", address="10.0.0.12", state="down", id="old")


@pytest.mark.parametrize(
    ("nodes", "addresses", "gone"),
    [
        pytest.param((UP, DOWN), ["10.0.0.11"], [DOWN], id="no-machine-has-its-address"),
        pytest.param((UP, DOWN), ["10.0.0.11", "10.0.0.12"], [], id="it-may-come-back"),
        pytest.param(
            (DOWN, replace(DOWN, id="new", state="ready")),
            ["10.0.0.12"],
            [DOWN],
            id="another-of-its-name-is-up",
        ),
        pytest.param((UP,), [], [], id="it-is-up"),
        pytest.param(
            (replace(DOWN, reachability="unreachable"),), [], [], id="a-manager-is-not-forgotten"
        ),
    ],
)
def test_ghosts(nodes: tuple[Any, ...], addresses: list[str], gone: list[Any]) -> None:
    assert list(ghosts(swarm(nodes=nodes), addresses)) == gone


MACHINES = (
    replace(MANAGER, private_ip="10.0.0.2"),
    *(
        replace(one, private_ip=address)
        for one, address in zip(WORKERS, ("10.0.0.11", "10.0.0.12"), strict=True)
    ),
)
LEADER = node("manager-1", role="manager", reachability="reachable", address="0.0.0.0")


@pytest.mark.parametrize(
    ("nodes", "touched", "missing"),
    [
        pytest.param((LEADER, UP, DOWN), (), ("worker-2",), id="its-engine-does-not-run"),
        pytest.param((LEADER, UP), (), ("worker-2",), id="it-never-joined"),
        pytest.param(
            (LEADER, UP, replace(DOWN, state="ready", address="10.0.0.99")),
            (),
            ("worker-2",),
            id="the-machine-before-it",
        ),
        pytest.param((LEADER, UP), ("worker-2",), (), id="it-is-to-go-anyway"),
        pytest.param((LEADER, UP, replace(DOWN, state="ready")), (), (), id="all-there"),
    ],
)
def test_who_has_to_come_back_first(
    nodes: tuple[Any, ...], touched: tuple[str, ...], missing: tuple[str, ...]
) -> None:
    assert absent_members(MACHINES, swarm(nodes=nodes), touched) == missing


def test_what_a_killed_run_was_draining() -> None:
    half = replace(UP, name="half", labels={DRAINING: "active"})
    whole = replace(UP, name="whole", availability="drain", labels={TURNING: "up"})
    by_hand = replace(UP, name="by-hand", availability="drain")
    assert left_draining(swarm(nodes=(UP, half, whole, by_hand))) == (half, whole)


@pytest.mark.parametrize(
    "away",
    [
        pytest.param(replace(UP, availability="drain", labels={TURNING: "up"}), id="drained"),
        pytest.param(replace(UP, labels={DRAINING: "active"}), id="half-drained"),
        pytest.param(replace(UP, state="down"), id="down"),
    ],
)
def test_who_is_away_already_has_the_first_turn(away: Any) -> None:
    """Whatever Terraform's order: after another, it would be the second that is away."""
    seen = swarm(nodes=(LEADER, replace(UP, name="a"), replace(away, name="b")))
    assert in_turn(Turnover(restarted=("a", "b")), seen) == ("b", "a")
    assert in_turn(Turnover(leaving=("a",), restarted=("b",)), seen) == ("b", "a")
    assert in_turn(Turnover(replaced=("b", "a")), seen) == ("b", "a")


@pytest.mark.parametrize(
    ("before", "done"),
    [
        (UP, ["drain", "let in"]),
        (replace(UP, availability="drain", labels={TURNING: "up"}), ["drain", "let in"]),
        (replace(UP, state="down", availability="drain", labels={TURNING: "up"}), ["let in"]),
        (replace(UP, availability="drain"), []),
        (LEADER, []),
    ],
    ids=["as-usual", "left-draining", "left-away", "drained-by-hand", "manager"],
)
def test_a_restarted_node_takes_tasks_as_before(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch, before: Any, done: list[str]
) -> None:
    seen: list[str] = []
    monkeypatch.setattr(turnover_workflow, "_member", lambda *_: before)
    monkeypatch.setattr(turnover_workflow, "_drain", lambda *_: seen.append("drain"))
    monkeypatch.setattr(turnover_workflow, "_let_in", lambda *_: seen.append("let in"))
    for name in ("reach", "bring_back"):
        monkeypatch.setattr(turnover_workflow, name, lambda *_: None)
    cloud: Any = SimpleNamespace(apply_only=lambda *_: None, present=lambda: None)
    turnover_workflow._restart(make_cluster(), cloud, before.name)
    assert seen == done
