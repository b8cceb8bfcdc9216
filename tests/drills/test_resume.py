"""`up` that is killed, and run again, comes to the same end."""

import re
import signal
import subprocess
from collections.abc import Callable, Collection

import pytest

from cluster.yard import Yard
from drills.conftest import NAME
from drills.world import world_of

pytestmark = [pytest.mark.real, pytest.mark.cluster, pytest.mark.drill]

_BEGINS = re.compile(r"^\s*\d+\.\ds  (\S.*) …$")
#: What a new cluster goes through at least.
PHASES = {
    "account",
    "lock",
    "cloud: network and nodes",
    "nodes",
    "hosts: swarm",
    "cloud: efs",
    "cloud: database",
    "hosts: files and services",
    "names",
    "secrets and databases",
    "infrastructure",
    "timeoff: switch",
    "services",
    "addresses",
}


@pytest.mark.timeout(1800)
def test_killed_as_each_phase_begins(
    yard: Yard, record_property: Callable[[str, object], None]
) -> None:
    """Killed as soon as it does something new, again and again, until it comes to its end."""
    seen: list[str] = []
    while (phase := killed_at_what_is_new(yard, seen)) is not None:
        seen.append(phase)
    record_property("killed at", seen)
    assert set(seen) >= PHASES

    again = yard.json("up", "--yes")
    assert again["changes"] == 0
    assert yard.json("status")["ok"] is True
    assert_made_once(yard)


def killed_at_what_is_new(yard: Yard, seen: Collection[str]) -> str | None:
    """Run `up` until a phase begins that is not among `seen`, and kill it there; gives the phase.
    None: it came to its end."""
    with yard.start("up", "--yes", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            begins = _BEGINS.match(line)
            if begins and begins[1] not in seen:
                process.send_signal(signal.SIGKILL)
                return begins[1]
        assert process.wait() == 0, "".join(said[-40:])
    return None


def assert_made_once(yard: Yard) -> None:
    """Nothing is in the cloud twice, or without being in a state."""
    world = world_of(yard, NAME)
    assert world.orphans() == []
    assert set(world.instances()) == {"manager-1", "worker-1", "worker-2"}
