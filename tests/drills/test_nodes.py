"""Nodes come, go, change and die; `up` makes of the cluster what the file says."""

import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from beeyard.apps import Prober
from beeyard.waiting import SystemClock, wait_until
from beeyard.workflows import pins
from cluster.yard import NAME, Running
from drills.conftest import change
from drills.hurt import on
from drills.phases import stopped_as_it_begins
from drills.whole import DRILLS_THAT_END_WHOLE
from drills.world import World
from leavings import STATE_HOME

pytestmark = DRILLS_THAT_END_WHOLE

FOLDER = STATE_HOME / "beeyard" / "clusters" / f"{NAME}@sandbox"


def assert_nothing_lost(users: Prober) -> None:
    assert users.traffic().requests > 100
    assert users.traffic().failed == 0, users.traffic().reasons


def assert_these_alone(running: Running, world: World, *nodes: str) -> None:
    """No trace of another node: in the Swarm, the cloud, what is pinned, and the inventory."""
    members = running.yard.json("node", "ls")
    assert sorted(one["name"] for one in members) == sorted(nodes)
    assert {one["state"] for one in members} == {"ready"}
    assert {one["availability"] for one in members} == {"active"}
    there = world.instances()
    assert sorted(there) == sorted(nodes)
    assert world.orphans() == []
    pinned = (FOLDER / "known_hosts").read_text().split("\n")[:-1]
    assert {line.split()[0] for line in pinned} == set(there.values())
    assert {line.split()[0] for line in world.kept(pins.KEY).splitlines()} == set(there.values())
    assert set(world.kept(pins.MET).split()) == set(there.values())
    inventory = "".join(
        path.read_text() for path in (FOLDER / "provision").rglob("*") if path.name in _NAMING
    )
    assert {name for name in _NODES if name in inventory} == set(nodes)


_NODES = ("manager-1", "worker-1", "worker-2", "worker-3")
_TURNED = ("worker-1", "worker-2")
_NAMING = ("hosts.yml", "hosts.yaml", "ssh_config", "inventory.yml", "hosts.json")


def test_grow_and_shrink(running: Running, world: World, users: Prober) -> None:
    change(running.yard, "workers", count=3)
    assert running.yard.json("up", "--yes")["changes"] > 0
    assert_these_alone(running, world, *_NODES)
    assert running.status["ok"] is True
    running.yard.run("scale", "timeoff", "web=3")
    assert _on(running, "worker-3") == 1, "else nothing has to move before it goes"

    change(running.yard, "workers", count=2)
    assert running.yard.json("up", code=11)["what"] == "nobody is there to say yes"
    assert_these_alone(running, world, *_NODES)
    assert running.yard.json("up", "--yes")["changes"] > 0
    assert_these_alone(running, world, *_NODES[:3])
    assert _on(running, "worker-1") + _on(running, "worker-2") == 3
    assert running.yard.json("up", "--yes")["changes"] == 0
    running.yard.run("scale", "timeoff", "web=2")
    assert_nothing_lost(users)


def test_another_instance_type_one_at_a_time(running: Running, world: World, users: Prober) -> None:
    before = world.instances()
    change(running.yard, "workers", type="t3.medium")
    with watched(running, world) as most_away:
        running.yard.run("up", "--yes")
    assert most_away() == 1
    assert world.types()["worker-1"] == world.types()["worker-2"] == "t3.medium"
    assert world.instances() == before, "stopped and started, not made anew"
    assert_these_alone(running, world, *_NODES[:3])
    assert_nothing_lost(users)


@pytest.mark.timeout(2400)
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_another_instance_type_stopped_as_each_phase_begins(
    running: Running,
    world: World,
    users: Prober,
    by: signal.Signals,
    record_property: Callable[[str, object], None],
) -> None:
    """Stopped as soon as it does something new to one of them, and run again: one is away at a time
    all the same, also where the one that is has yet to come back. What `up` does before and after
    that it is stopped at in `test_resume` and `test_bad_luck`."""
    change(running.yard, "workers", type="t3.medium")

    def concerns_one(phase: str) -> bool:
        return any(node in phase for node in _TURNED)

    with watched(running, world) as most_away:
        stopped = stopped_as_it_begins(running.yard, concerns_one, by)
    record_property("stopped at", stopped)
    assert set(stopped) >= {f"{what} {node}" for what in ("drain", "activate") for node in _TURNED}
    assert set(stopped) >= {f"cloud: {node}" for node in _TURNED}
    assert most_away() == 1
    assert world.types()["worker-1"] == world.types()["worker-2"] == "t3.medium"
    assert_these_alone(running, world, *_NODES[:3])
    assert_nothing_lost(users)


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_an_instance_that_somebody_stopped(running: Running, world: World) -> None:
    before = world.instances()
    world.client("ec2").stop_instances(InstanceIds=[before["worker-2"]])
    plan = running.yard.json("plan", code=2)
    cloud = next(layer for layer in plan["layers"] if layer["name"] == "cloud")
    assert {"where": "swarm_cluster", "action": "start", "what": "worker-2"}.items() <= next(
        one.items() for one in cloud["changes"] if one["what"] == "worker-2"
    )
    assert running.yard.json("up", "--yes")["changes"] > 0
    assert world.instances() == before
    assert_these_alone(running, world, *_NODES[:3])


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_a_node_is_made_anew(running: Running, world: World, users: Prober) -> None:
    before = world.instances()
    running.yard.run("node", "replace", "worker-1", "--yes")
    after = world.instances()
    assert after["worker-1"] != before["worker-1"]
    assert after["worker-2"] == before["worker-2"]
    assert_these_alone(running, world, *_NODES[:3])
    assert_nothing_lost(users)


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_a_worker_is_killed(
    running: Running, world: World, record_property: Callable[[str, object], None]
) -> None:
    """Its tasks run elsewhere in a minute, `status` says what is missing, `up` makes another."""
    before = world.instances()
    world.client("ec2").terminate_instances(InstanceIds=[before["worker-2"]])
    took = wait_until(
        lambda: _on(running, "worker-1") == 2, clock=SystemClock(), deadline=60, interval=1
    )
    record_property("its tasks run elsewhere after seconds", round(took, 1))
    status = running.status_now
    assert status["ok"] is False
    assert [one["name"] for one in status["nodes"] if one["state"] != "ready"] == ["worker-2"]

    running.yard.run("up", "--yes")

    assert world.instances()["worker-2"] != before["worker-2"]
    assert_these_alone(running, world, *_NODES[:3])


def test_managers_are_neither_more_nor_fewer(running: Running, world: World) -> None:
    before = world.instances()
    change(running.yard, "managers", count=3)
    refused = running.yard.json("up", "--yes", code=11)
    assert refused["what"] == "there is 1 manager, and beeyard.yml says 3"
    assert world.instances() == before


def test_the_only_manager_is_not_made_anew(running: Running, world: World) -> None:
    before = world.instances()
    refused = running.yard.json("node", "replace", "manager-1", "--yes", code=11)
    assert "the Swarm would be lost with it" in refused["what"]
    assert world.instances() == before


def _on(running: Running, node: str) -> int:
    """How many tasks of the application run on a node."""
    form = "'{{.Node}} {{.CurrentState}}'"
    said = running.docker_on(
        "manager-1", "service", "ps", "timeoff_web", "--format", form, "--filter",
        "desired-state=running",
    )  # fmt: skip
    return sum(line.startswith(f"{node} Running") for line in said.splitlines())


@contextmanager
def watched(running: Running, world: World) -> Iterator[Any]:
    """Within, counts how many nodes are away at once at most: that EC2 does not run, or that the
    Swarm does not call ready or gives no tasks."""
    most, stop = [0], threading.Event()
    form = "{{.Hostname}} {{.Status}} {{.Availability}}"

    def away() -> set[str]:
        said = on("manager-1", "docker", "node", "ls", "--format", form)
        members = [line.split() for line in said.splitlines()]
        return world.away() | {name for name, *state in members if state != ["Ready", "Active"]}

    def watch() -> None:
        while not stop.wait(0.2):
            most[0] = max(most[0], len(away()))

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield lambda: most[0]
        finally:
            stop.set()
        watching.result()
