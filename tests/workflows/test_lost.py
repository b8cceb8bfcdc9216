"""An only manager that is lost: noticed, and told from what only looks like it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beeyard.backup import Backup, Listing
from beeyard.cloud import Outputs
from beeyard.cloud.nodes import Turnover
from beeyard.errors import HostError
from beeyard.inventory import build
from beeyard.process import Command, CommandTimeout
from beeyard.provision import ProvisionFiles
from beeyard.testing import FakeRunner
from beeyard.workflows import Cluster, lost
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.lost import SwarmLost, absent, is_absent, lost_manager, refuse_orphans
from cloud.example import node, outputs, spec
from workflows.backups_of import backup

MakeCluster = Callable[..., Cluster]
ONE = node("manager-1", "eu-central-1a", "10.20.4.11", "198.51.100.1")
WORKER = node("worker-1", "eu-central-1b", "10.20.7.4")


def with_nodes(*nodes: Any) -> Outputs:
    return replace(outputs(), nodes=nodes)


@pytest.mark.parametrize(
    ("state", "is_lost"),
    [
        ("running", None),
        ("stopped", None),
        ("pending", None),
        ("shutting-down", "manager-1"),
        ("terminated", "manager-1"),
        (None, "manager-1"),
    ],
)
def test_a_manager_is_lost_with_its_machine(state: str | None, is_lost: str | None) -> None:
    states = {ONE.instance_id: state} if state else {}
    assert lost_manager(with_nodes(ONE, WORKER), states) == is_lost


def test_of_several_managers_one_is_no_loss_of_the_swarm() -> None:
    another = node("manager-2", "eu-central-1b", "10.20.5.12", "198.51.100.2")
    assert lost_manager(with_nodes(ONE, another), {}) is None


@pytest.mark.parametrize(
    ("turn", "managers", "is_lost"),
    [
        (Turnover(absent=("manager-1", "worker-2")), ("manager-1",), True),
        (Turnover(absent=("worker-2",)), ("manager-1",), False),
        (Turnover(absent=("manager-2",)), ("manager-1", "manager-2"), False),
        (Turnover(absent=("manager-1",)), (), False),
    ],
)
def test_a_plan_that_makes_the_manager_that_was_there(
    turn: Turnover, managers: Sequence[str], is_lost: bool
) -> None:
    assert is_absent(turn, managers) is is_lost


def test_what_is_said_of_it_names_the_way_back() -> None:
    error = absent("manager-1")
    assert error.what == "manager-1 is gone, and what the Swarm knew with it"
    assert "beeyard recover" in str(error.fix)


class Slow(FakeRunner):
    """A node that takes the connection and stands still."""

    def run(self, command: Command, **_: Any) -> Any:
        raise CommandTimeout(f"`{command}` was stopped")


def hosts_of(cluster: Cluster, runner: Any, *nodes: Any) -> Hosts:
    cluster = replace(cluster, spec=spec(managers={"count": 1}), runner=runner)
    seen = with_nodes(*nodes)
    inventory = build(cluster.spec, seen, cluster.ssh)
    folder = Path("/nowhere")
    files = ProvisionFiles(folder, folder / "hosts.yml", folder / "ssh_config")
    return Hosts(cluster, seen, inventory, files)


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> list[Backup]:
    """The backups that there are."""
    found: list[Backup] = []
    monkeypatch.setattr(lost, "backups", lambda _: Listing(tuple(found), ()))
    return found


@pytest.mark.parametrize("has_backup", [True, False])
def test_a_worker_of_a_swarm_keeps_another_from_being_begun(
    make_cluster: MakeCluster, listed: list[Backup], *, has_backup: bool
) -> None:
    listed[:] = [backup()] * has_backup
    runner = FakeRunner()
    runner.expect("ssh", ..., stdout="kjgbl3cds7hdexzhjqdk8d46p\n")
    with pytest.raises(SwarmLost) as caught:
        refuse_orphans(hosts_of(make_cluster(), runner, ONE, WORKER))
    assert caught.value.what == (
        "manager-1 is in no Swarm, and worker-1 in one that it was to manage"
    )
    assert ("beeyard recover" in str(caught.value.fix)) is has_backup


def test_so_does_one_whose_engine_does_not_run(make_cluster: MakeCluster) -> None:
    runner = FakeRunner()
    runner.expect("ssh", ..., stderr="Cannot connect", code=1)
    runner.expect("ssh", ..., stdout="/var/lib/docker/swarm/docker-state.json\n")
    with pytest.raises(SwarmLost, match="worker-1 in one"):
        refuse_orphans(hosts_of(make_cluster(), runner, ONE, WORKER))


def test_and_a_backup_where_there_are_no_workers(
    make_cluster: MakeCluster, listed: list[Backup]
) -> None:
    listed.append(backup())
    with pytest.raises(SwarmLost, match="there is a backup of one that it managed") as caught:
        refuse_orphans(hosts_of(make_cluster(), FakeRunner(), ONE))
    assert "beeyard recover" in str(caught.value.fix)


def test_a_worker_that_is_in_none_waits_for_nobody(make_cluster: MakeCluster) -> None:
    runner = FakeRunner()
    runner.expect("ssh", ..., stdout="\n")
    refuse_orphans(hosts_of(make_cluster(), runner, ONE, WORKER))


def test_nor_does_one_that_has_no_engine_yet(make_cluster: MakeCluster) -> None:
    runner = FakeRunner()
    runner.expect("ssh", ..., stderr="sudo: docker: command not found", code=1)
    runner.expect("ssh", ...)
    refuse_orphans(hosts_of(make_cluster(), runner, ONE, WORKER))


def test_one_that_does_not_say_may_be_in_one(make_cluster: MakeCluster) -> None:
    broken = FakeRunner().expect("ssh", ..., stderr="Connection closed", code=255, times=2)
    for runner in (Slow(), broken):
        with pytest.raises(HostError, match="worker-1 does not say whether it is in a Swarm"):
            refuse_orphans(hosts_of(make_cluster(), runner, ONE, WORKER))
