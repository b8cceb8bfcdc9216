"""`up` that is killed, and run again, comes to the same end."""

import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Callable

import psutil
import pytest

from cluster.yard import NAME, Running, Yard
from drills.conftest import change
from drills.hurt import on
from drills.phases import THIRDS, stopped_in
from drills.world import world_of
from leavings import STATE_HOME

pytestmark = [pytest.mark.real, pytest.mark.cluster, pytest.mark.drill]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("third", THIRDS)
def test_killed_as_each_phase_begins(
    yard: Yard, record_property: Callable[[str, object], None], third: int
) -> None:
    """Killed as soon as it does something new, again and again, until it comes to its end."""
    record_property("killed at", stopped_in(yard, third, signal.SIGKILL))
    again = yard.json("up", "--yes")
    assert again["changes"] == 0
    assert yard.json("status")["ok"] is True
    assert_made_once(yard)


@pytest.mark.usefixtures("ends_in_need_of_nothing")
@pytest.mark.timeout(1800)
def test_killed_at_any_moment(
    running: Running, record_property: Callable[[str, object], None]
) -> None:
    """While a worker comes, and while it goes again. `DRILL_SEED=N` repeats its moments."""
    yard = running.yard
    seed = int(os.environ.get("DRILL_SEED") or random.randrange(1 << 32))
    record_property("seed", seed)
    moments = random.Random(seed)
    # About as long as such an `up` takes.
    for count, longest in ((3, 60.0), (2, 30.0)):
        change(yard, "workers", count=count)
        for _ in range(2):
            killed_after(yard, moments.uniform(2.0, longest))
        yard.run("up", "--yes")
        assert len(yard.json("node", "ls")) == 1 + count
        assert yard.json("status")["ok"] is True
        assert world_of(yard, NAME).orphans() == []
    assert_made_once(yard)


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_a_node_that_was_left_halfway(running: Running) -> None:
    """As an `up` leaves it that is killed between a machine's first contact and its joining: its
    engine does not run, nobody may talk to it, and the Swarm does not know the node."""
    yard = running.yard
    for name in ("worker-1", "worker-2"):
        user = on(name, "getent", "group", "docker").strip().rpartition(":")[2]
        on(name, "docker", "swarm", "leave")
        on(name, "systemctl", "stop", "docker.socket", "docker.service")
        on(name, "gpasswd", "--delete", user, "docker")
    yard.run("up", "--yes")


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_two_at_once(running: Running) -> None:
    """The second is refused, and says who holds it, since when."""
    yard = running.yard
    with yard.start("up", "--yes", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as first:
        assert first.stderr is not None
        for line in first.stderr:
            if "lock: held" in line:
                break
        refused = yard.json("up", "--yes", code=11)
        rest = first.stderr.read()
    assert first.returncode == 0, rest
    assert refused["what"] == f"{NAME} is being changed already"
    assert f"(process {first.pid}), since 2" in refused["why"]


def killed_after(yard: Yard, seconds: float) -> None:
    """Kill `up` so long after it began, if it has not come to its end."""
    with yard.start("up", "--yes", stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
        process.send_signal(signal.SIGKILL)


def assert_made_once(yard: Yard) -> None:
    """Nothing is in the cloud twice, or without being in a state; no Terraform was left behind."""
    world = world_of(yard, NAME)
    assert world.orphans() == []
    assert set(world.instances()) == {"manager-1", "worker-1", "worker-2"}
    assert strays() == []


def strays() -> list[str]:
    """Processes that work on the cluster's files, and belong to nobody any more."""
    mine = str(STATE_HOME / "beeyard" / "clusters" / f"{NAME}@")
    return [
        f"{one.info['name']} ({one.pid})"
        for one in psutil.process_iter(["cwd", "ppid", "name"])
        if one.info["ppid"] == 1
        and str(one.info["cwd"]).startswith(mine)
        and one.info["name"] != "ssh"
    ]
