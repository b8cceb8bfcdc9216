"""In which order nodes are upgraded, and which are drained."""

from dataclasses import replace

from beeyard.provision.packages import Package
from beeyard.workflows.upgrade import UPGRADING, plan_upgrade
from swarm.swarms import node

ENGINE, OTHER = Package("docker.io", "1", "2"), Package("libc6", "1", "2")


def test_workers_come_before_managers_and_the_leader_last() -> None:
    nodes = [
        replace(node("manager-1"), role="manager", leader=True),
        replace(node("manager-2"), role="manager", leader=False),
        replace(node("manager-3"), role="manager", leader=False),
        replace(node("worker-1"), role="worker", leader=False),
    ]
    steps = plan_upgrade(nodes, {one.name: (OTHER,) for one in nodes})
    assert [one.node for one in steps] == ["worker-1", "manager-2", "manager-3", "manager-1"]
    assert all(one.drains for one in steps)
    assert not any(one.engine for one in steps)


def test_the_only_manager_is_upgraded_where_it_stands() -> None:
    nodes = [
        replace(node("manager-1"), role="manager", leader=True),
        replace(node("worker-1"), role="worker", leader=False),
    ]
    steps = plan_upgrade(nodes, {one.name: (ENGINE,) for one in nodes})
    assert [(one.node, one.drains, one.engine) for one in steps] == [
        ("worker-1", True, True),
        ("manager-1", False, True),
    ]
    assert "where it stands: docker.io 1 → 2" in str(steps[1])


def test_a_node_without_anything_new_is_left_alone() -> None:
    nodes = [replace(node("worker-1"), role="worker"), replace(node("worker-2"), role="worker")]
    assert plan_upgrade(nodes, {"worker-1": (), "worker-2": ()}) == ()
    (step,) = plan_upgrade(nodes, {"worker-2": (OTHER,)})
    assert step.node == "worker-2"


def test_what_was_cut_short_goes_on() -> None:
    left = replace(node("worker-1"), role="worker", labels={UPGRADING: "true"})
    broken = replace(node("worker-2"), role="worker")
    steps = plan_upgrade([left, broken], {}, ["worker-2"])
    assert [(one.node, one.left) for one in steps] == [("worker-1", True), ("worker-2", True)]
    assert "goes on where it was cut short" in str(steps[0])
