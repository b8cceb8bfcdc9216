"""A node's packages upgraded by its own apt, from a source that really has a newer engine."""

import pytest
from docker.models.containers import Container

from beeyard.errors import HostError
from beeyard.process import Command, ContainerRunner, LocalRunner
from beeyard.provision.packages import (
    is_at_work,
    is_interrupted,
    pending,
    restart_engine,
    runs_old_engine,
    upgrade,
    wants_reboot,
)
from packaging_of_nodes import BACK, SOURCE
from sandbox.images.parts import say

pytestmark = pytest.mark.real


@pytest.fixture
def runner(node: Container) -> ContainerRunner:
    """Runs as root on the node."""
    return ContainerRunner(LocalRunner(), str(node.name))


@pytest.fixture
def newer(runner: ContainerRunner) -> None:
    runner.run(Command(["sh", "-c", SOURCE, "sh", "docker.io", "+drill1"], timeout=300))


def begun(node: Container) -> int:
    """When the engine was started, in microseconds since the boot."""
    what = "ActiveEnterTimestampMonotonic"
    return int(say(node, "systemctl", "show", "--value", "-p", what, "docker"))


def test_the_engine_is_upgraded_and_runs(
    node: Container, runner: ContainerRunner, newer: None
) -> None:
    (found,) = pending(runner, "node")
    assert found.name == "docker.io"
    assert found.new == f"{found.old}+drill1"
    started = begun(node)

    upgrade(runner, "node")

    assert say(node, "dpkg-query", "-W", "-f", "${Version}", "docker.io") == found.new
    assert pending(runner, "node") == ()
    assert not is_at_work(runner)
    assert not is_interrupted(runner)
    assert not wants_reboot(runner)
    assert runs_old_engine(runner), "Debian's package leaves it running"
    restart_engine(runner, "node")
    assert not runs_old_engine(runner)
    assert begun(node) > started
    assert say(node, "docker", "info", "--format", "{{.ServerVersion}}")


def test_what_can_not_be_unpacked_is_said(node: Container, runner: ContainerRunner) -> None:
    runner.run(Command(["sh", "-c", SOURCE, "sh", "tar", "+drill1"], timeout=300))
    assert [one.name for one in pending(runner, "node")] == ["tar"]
    say(node, "truncate", "-s", "100", "/var/lib/drill-repo/new.deb")
    with pytest.raises(HostError, match="the packages of node could not be upgraded") as caught:
        upgrade(runner, "node")
    assert "E:" in str(caught.value.why)
    runner.run(Command(["sh", "-c", BACK], timeout=60))
