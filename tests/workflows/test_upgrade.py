"""In which order nodes are upgraded, and which are drained."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.cloud import Outputs
from beeyard.errors import HostError
from beeyard.process import Command, LocalRunner
from beeyard.provision.packages import DEADLINE, UNIT, Package
from beeyard.testing import FakeRunner
from beeyard.workflows import Cluster
from beeyard.workflows import upgrade as workflow
from beeyard.workflows.upgrade import (
    _BOOT,
    UPGRADING,
    Step,
    Upgraded,
    _reboot,
    _upgrade,
    plan_upgrade,
    upgrade_nodes,
)
from cloud.example import MANAGER, WORKERS, outputs
from swarm.swarms import node

MakeCluster = Callable[..., Cluster]

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


def hosts(there: Outputs) -> Any:
    named = [SimpleNamespace(name=one.name) for one in there.nodes]
    return SimpleNamespace(inventory=SimpleNamespace(hosts=named))


def test_nodes_that_came_before_the_lock_was_had_are_upgraded_too(
    make_cluster: MakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    there, looked = [outputs(nodes=(MANAGER,))], []

    @contextmanager
    def alone(*_: object) -> Iterator[None]:
        there[0] = outputs(nodes=(MANAGER, WORKERS[0]))
        yield

    def look(_: Cluster, __: Any, names: list[str]) -> tuple[()]:
        looked.extend(names)
        return ()

    account = SimpleNamespace(account=SimpleNamespace(id="1"))
    for name, made in {
        "alone": alone,
        "open_cloud": lambda _: account,
        "read_outputs": lambda _: there[0],
        "hosts_to_play": lambda _, seen: hosts(seen),
        "_look": look,
        "_services": lambda *_, check: (),
    }.items():
        monkeypatch.setattr(workflow, name, made)
    assert upgrade_nodes(make_cluster(), lambda _: None) == Upgraded()
    assert looked == [MANAGER.name, WORKERS[0].name]


def on(runner: FakeRunner) -> Any:
    """Nodes that all are this one."""
    return SimpleNamespace(run_on=lambda *_, **__: runner)


def test_an_upgrade_that_does_not_end_is_said_in_words(make_cluster: MakeCluster) -> None:
    """It may take as long as one that was begun now."""
    cluster = make_cluster()
    runner = FakeRunner().expect("systemctl", "is-active", "--quiet", UNIT, times=9999)
    with pytest.raises(HostError) as caught:
        _upgrade(cluster, on(runner), Step("worker-1", "worker", (), drains=False))
    assert caught.value.what == "worker-1 does not come back after its upgrade"
    assert "is not over after 60 minutes" in str(caught.value.why)
    assert cluster.clock.monotonic() == DEADLINE


@pytest.mark.parametrize(("drains", "left"), [(False, ("manager-1",)), (True, ())])
def test_a_reboot_is_made_or_said(
    make_cluster: MakeCluster,
    monkeypatch: pytest.MonkeyPatch,
    drains: bool,
    left: tuple[str, ...],
) -> None:
    rebooted: list[str] = []
    asked = FakeRunner().expect("test", "-e", "/run/reboot-required")
    for name, made in {
        "alone": lambda *_: nullcontext(),
        "open_cloud": lambda _: SimpleNamespace(account=SimpleNamespace(id="1")),
        "read_outputs": lambda _: outputs(nodes=(MANAGER,)),
        "hosts_to_play": lambda _, seen: SimpleNamespace(**vars(hosts(seen)), **vars(on(asked))),
        "_look": lambda *_: (Step(MANAGER.name, "manager", (OTHER,), drains=drains),),
        "_services": lambda *_, check: (),
        "_drain": lambda *_: True,
        "_reboot": lambda _, __, name: rebooted.append(name),
        "bring_back": lambda *_: None,
        "mark_node": lambda *_: None,
        "_settled": lambda _: None,
        "_all_answer": lambda _: None,
        "activate_node": lambda *_: "",
        "is_at_work": lambda _: False,
        "upgrade": lambda *_: None,
        "runs_old_engine": lambda _: False,
    }.items():
        monkeypatch.setattr(workflow, name, made)
    assert upgrade_nodes(make_cluster(), lambda _: None).reboots == left
    assert rebooted == ([MANAGER.name] if drains else [])


@pytest.mark.parametrize("again", ["kernel-2 10", "kernel-1 99"])
def test_a_reboot_is_over_when_the_machine_has_begun_anew(
    make_cluster: MakeCluster, again: str
) -> None:
    """With another kernel; or another first process, where nodes share a kernel."""
    cluster = make_cluster()
    runner = FakeRunner().expect("systemctl", "reboot")
    for said, code in (("kernel-1 10", 0), ("kernel-1 10", 0), ("", 255), (again, 0)):
        runner.expect("sh", "-c", _BOOT, stdout=said, code=code)
    with runner:
        _reboot(cluster, on(runner), "worker-1")
    assert cluster.clock.monotonic() == 4.0


def test_a_node_says_when_it_began() -> None:
    """This machine, too."""
    said = [LocalRunner().run(Command(["sh", "-c", _BOOT])).stdout for _ in range(2)]
    assert said[0] == said[1]
    _, first = said[0].split()
    assert first.isdigit()
