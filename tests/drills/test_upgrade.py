"""Nodes are upgraded one by one, with a package that is really newer: the engine, packed anew."""

import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from beeyard.apps import Prober
from cluster.yard import Running, Yard
from packaging_of_nodes import BACK, SOURCE

pytestmark = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1800),
]

NODES = ("manager-1", "worker-1", "worker-2")
OLDER = "older/traefik:1"


@pytest.fixture(autouse=True)
def _offers_end(yard: Yard, ends_whole: None) -> Iterator[None]:
    yield
    for node in NODES:
        as_root(yard, node, BACK)


def as_root(yard: Yard, node: str, script: str, *arguments: str) -> str:
    quoted = script.replace("'", "'\\''")
    return yard.run("ssh", node, "--", f"sudo sh -c '{quoted}' sh {shlex.join(arguments)}")


def version(yard: Yard, node: str, package: str) -> str:
    return as_root(yard, node, "dpkg-query -W -f '${Version}' $1", package)


def image_of(running: Running, service: str) -> str:
    form = "'{{.Spec.TaskTemplate.ContainerSpec.Image}}'"
    return running.docker_on("manager-1", "service", "inspect", "--format", form, service).strip()


def offered(yard: Yard, package: str, more: str, *nodes: str) -> None:
    """Let there be a newer `package` for these nodes, and nothing for the others."""
    for node in NODES:
        as_root(yard, node, SOURCE, package, more if node in nodes else "")


def upgrade(yard: Yard, *arguments: str) -> dict[str, Any]:
    found = yard.json("node", "upgrade", *arguments, "--yes")
    assert isinstance(found, dict)
    return found


def test_nothing_to_upgrade_drains_nothing(running: Running, users: Prober) -> None:
    offered(running.yard, "tar", "+drill1")
    done = upgrade(running.yard)
    assert done == {"nodes": [], "packages": {}, "services": [], "reboots": []}
    assert "there is nothing to upgrade" in running.yard.run("node", "upgrade", "--yes")
    assert users.traffic().failed == 0


def booted(yard: Yard, node: str) -> str:
    """When a node's first process began, in ticks of its kernel."""
    return yard.run("ssh", node, "--", "cut", "-d\\ ", "-f22", "/proc/1/stat").strip()


def test_the_engine_of_workers_one_after_the_other(running: Running, users: Prober) -> None:
    """One of them wants a reboot, as after a new kernel."""
    yard = running.yard
    offered(yard, "docker.io", "+drill1", "worker-1", "worker-2")
    as_root(yard, "worker-1", "touch /run/reboot-required")
    before = {node: booted(yard, node) for node in NODES}
    done = upgrade(yard)
    assert done["reboots"] == []
    assert {node for node in NODES if booted(yard, node) != before[node]} == {"worker-1"}
    as_root(yard, "worker-1", "test ! -e /run/reboot-required")
    assert done["nodes"] == ["worker-1", "worker-2"]
    for node in done["nodes"]:
        assert version(yard, node, "docker.io").endswith("+drill1")
    assert not version(yard, "manager-1", "docker.io").endswith("+drill1")
    assert {one["availability"] for one in yard.json("node", "ls")} == {"active"}
    assert users.traffic().failed == 0, users.traffic().reasons
    assert upgrade(yard)["nodes"] == []


def test_the_only_manager_where_it_stands(running: Running) -> None:
    yard = running.yard
    offered(yard, "docker.io", "+drill1", "manager-1")
    assert upgrade(yard, "manager-1")["nodes"] == ["manager-1"]
    assert version(yard, "manager-1", "docker.io").endswith("+drill1")
    assert yard.json("status")["ok"] is True


def test_traefik_is_brought_to_its_version(running: Running) -> None:
    """An older one runs, as an older beeyard deployed it."""
    yard = running.yard
    offered(yard, "tar", "+drill1")
    wanted = image_of(running, "traefik_traefik")
    running.docker_on("manager-1", "tag", wanted, OLDER)
    update = ("service", "update", "--quiet", "--no-resolve-image", "--image", OLDER)
    older = (*update, "--label-add", "beeyard.digest=older", "traefik_traefik")
    running.docker_on("manager-1", *older)
    assert image_of(running, "traefik_traefik") == OLDER
    try:
        done = upgrade(yard)
        assert done["nodes"] == []
        assert done["services"] != []
        assert image_of(running, "traefik_traefik") == wanted
    finally:
        running.docker_on("manager-1", "rmi", "--force", OLDER)


def test_it_stops_at_a_node_that_does_not_come_back(running: Running, users: Prober) -> None:
    """A package whose script fails: the other worker is not touched, and run again it goes on."""
    yard = running.yard
    offered(yard, "tar", "+drill1", "worker-1", "worker-2")
    as_root(yard, "worker-1", "truncate -s 100 /var/lib/drill-repo/new.deb")
    failed = yard.json("node", "upgrade", "--yes", code=7)
    assert "the packages of worker-1 could not be upgraded" in failed["what"]
    assert not version(yard, "worker-2", "tar").endswith("+drill1")
    rows = {one["name"]: one["availability"] for one in yard.json("node", "ls")}
    assert rows == {"manager-1": "active", "worker-1": "drain", "worker-2": "active"}

    as_root(yard, "worker-1", BACK)
    offered(yard, "tar", "+drill1", "worker-1", "worker-2")
    assert upgrade(yard)["nodes"] == ["worker-1", "worker-2"]
    assert {one["availability"] for one in yard.json("node", "ls")} == {"active"}
    assert users.traffic().failed == 0, users.traffic().reasons
