"""Room on the nodes' disks."""

from pathlib import Path

import pytest

from beeyard.errors import HostError, render
from beeyard.inventory import Inventory, SshAccess, build
from beeyard.provision import require_room
from beeyard.provision.room import LEAST
from beeyard.testing import FakeRunner
from cloud.example import MANAGER, WORKERS, outputs, spec

CONFIG = Path("/x/ssh_config")
NODES: Inventory = build(
    spec(),
    outputs(nodes=(MANAGER, *WORKERS[:1])),
    SshAccess("admin", Path("/k/id"), Path("/k/known_hosts"), Path("/run/s")),
)
DF = "df --block-size=1 --output=avail / /var/lib/docker"


def say(runner: FakeRunner, host: str, *free: int, code: int = 0) -> None:
    said = "\n".join(["     Avail", *map(str, free)])
    runner.expect("ssh", "-F", str(CONFIG), "-T", host, "--", DF, stdout=said, code=code)


def test_enough_of_it() -> None:
    with FakeRunner() as runner:
        say(runner, "manager-1", LEAST, LEAST)
        # Its engine is not there yet.
        say(runner, "worker-1", LEAST, code=1)
        require_room(NODES, runner, CONFIG)


def test_those_that_have_none_by_name_and_place() -> None:
    with FakeRunner() as runner:
        say(runner, "manager-1", LEAST, LEAST - 1)
        say(runner, "worker-1", 5_000_000, 7_000_000)
        with pytest.raises(HostError) as caught:
            require_room(NODES, runner, CONFIG)
    said = render(caught.value)
    assert "manager-1: 1074 MB at /var/lib/docker; worker-1: 5 MB at /" in said
    assert "image prune" in said


def test_one_that_does_not_say() -> None:
    with FakeRunner() as runner:
        say(runner, "manager-1", LEAST, LEAST)
        runner.expect("ssh", "-F", str(CONFIG), "-T", "worker-1", "--", DF, code=127)
        with pytest.raises(HostError, match="does not say how much room"):
            require_room(NODES, runner, CONFIG)
