"""Machines that restart, and the only manager lost: all of the Swarm comes back."""

import json
import signal
import subprocess
from collections.abc import Callable, Collection
from typing import Any

import pytest

from beeyard.apps import Prober
from beeyard.waiting import SystemClock, wait_until
from cluster.yard import Running, Yard
from drills.world import World

pytestmark = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1800),
]

#: What the Swarm knows, kind by kind, and how it is asked; each may be changed by who recovers it.
_ASKED = {
    "service": ("service", "ls", "--quiet"),
    "secret": ("secret", "ls", "--quiet"),
    "config": ("config", "ls", "--quiet"),
    "network": ("network", "ls", "--quiet", "--no-trunc", "--filter", "scope=swarm"),
    "node": ("node", "ls", "--quiet"),
}


def known(running: Running) -> dict[str, Any]:
    """All that the Swarm knows, as Docker's own command line says it: by kind and ID. But for what
    the controller is told, which holds the host keys of machines."""
    found = {}
    for kind, argv in _ASKED.items():
        ids = running.docker_on("manager-1", *argv).split()
        for one in json.loads(running.docker_on("manager-1", kind, "inspect", *ids)):
            key = one.get("ID") or one["Id"]
            if _name(one).startswith("ci_c") or _name(one) == "ci_runner":
                continue
            found[f"{kind} {key}"] = one.get("Spec") or {
                key: one[key] for key in ("Name", "Driver", "IPAM", "Options", "Labels")
            }
    return found


def _name(one: dict[str, Any]) -> str:
    return str(one.get("Name") or one["Spec"].get("Name") or "")


def tasks_of(running: Running) -> dict[str, str]:
    """The application's containers: their IDs, and on which node they run."""
    return {
        one: node
        for node in ("manager-1", "worker-1", "worker-2")
        for one in running.docker_on(
            node, "ps", "--quiet", "--filter", "name=timeoff_web", "--filter", "health=healthy"
        ).split()
    }


def secrets_of(running: Running, but: Collection[str] = ()) -> list[str]:
    """What a task of the application reads of its secrets; not one of those containers."""
    task, node = next((one, node) for one, node in tasks_of(running).items() if one not in but)
    names = running.docker_on(node, "exec", task, "ls", "/run/secrets").split()
    assert names
    return [running.docker_on(node, "exec", task, "cat", f"/run/secrets/{name}") for name in names]


def booted(yard: Yard, node: str) -> str:
    """When a node's first process began."""
    return yard.run("ssh", node, "--", "stat", "--format=%Z", "/proc/1").strip()


def assert_serves(running: Running, users: Prober) -> None:
    """Users get answers now, whatever was before."""
    before = users.traffic()
    wait_until(
        lambda: users.traffic().requests >= before.requests + 40, clock=SystemClock(), deadline=60
    )
    assert users.traffic().failed == before.failed, users.traffic().reasons


@pytest.mark.usefixtures("ends_in_need_of_nothing")
@pytest.mark.parametrize("node", ["worker-1", "manager-1"])
def test_a_node_restarts(
    running: Running,
    node: str,
    users: Prober,
    record_property: Callable[[str, object], None],
) -> None:
    """By itself it comes back, with the shared files mounted, and with its tasks."""
    before = booted(running.yard, node)
    running.yard.start("ssh", node, "--", "sudo", "systemctl", "reboot").wait(60)

    def is_back() -> bool:
        look = running.yard.start(
            *("ssh", node, "--", "stat", "--format=%Z", "/proc/1"),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        said = look.communicate()[0].strip()
        return look.returncode == 0 and said != before

    took = wait_until(is_back, clock=SystemClock(), deadline=120, interval=0.5)
    record_property("lets in again after seconds", round(took, 1))
    took = wait_until(
        lambda: bool(running.status_now["ok"]), clock=SystemClock(), deadline=180, interval=1
    )
    record_property("all is as it should be after seconds", round(took, 1))
    mounted = running.yard.run("ssh", node, "--", "findmnt", "--kernel", "--mountpoint", "/mnt/efs")
    assert "/mnt/efs" in mounted
    tasks = running.docker_on(node, "ps", "--quiet").split()
    assert tasks
    assert_serves(running, users)


def kill_manager(world: World) -> None:
    """Its machine, with all that only it had, is gone."""
    world.client("ec2").terminate_instances(InstanceIds=[world.instances()["manager-1"]])
    wait_until(
        lambda: "manager-1" not in world.instances(), clock=SystemClock(), deadline=60, interval=0.2
    )


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_the_only_manager_is_lost(
    running: Running,
    world: World,
    users: Prober,
    record_property: Callable[[str, object], None],
) -> None:
    """It is said, no other Swarm is built, and `recover` brings back all that was known."""
    before, secrets, machines = known(running), secrets_of(running), world.instances()
    kill_manager(world)

    status = running.status_now
    assert status["ok"] is False
    assert "beeyard recover" in status["problem"]
    planned = running.yard.json("plan", code=2)["layers"]
    assert "beeyard recover" in json.dumps(planned)
    refused = running.yard.json("up", "--yes", code=8)
    assert refused["what"] == "manager-1 is gone, and what the Swarm knew with it"
    assert "beeyard recover" in refused["fix"]
    assert "manager-1" not in world.instances()

    done = running.yard.json("recover", "--yes")

    record_property("RTO in seconds", done["rto"])
    record_property("RPO in seconds", done["rpo"])
    for phase, seconds in done["seconds"].items():
        if seconds >= 1:
            record_property(phase, seconds)
    assert done["different"] == []
    # What the controller is told is a secret, whose file lies there.
    since = [line for line in done["since"] if not line.startswith("/etc/beeyard ")]
    assert all(" ci_" in line for line in since), done["since"]
    assert done["compared"] > 20
    assert known(running) == before
    assert secrets_of(running) == secrets
    # Those have them since before. What a new task reads comes out of the Raft that was restored.
    old = tasks_of(running)
    running.docker_on("manager-1", "service", "update", "--force", "--quiet", "timeoff_web")
    assert secrets_of(running, but=old) == secrets
    after = world.instances()
    assert after["manager-1"] != machines["manager-1"]
    assert after["worker-1"] == machines["worker-1"], "workers stay as they are"
    assert world.orphans() == []
    assert_serves(running, users)


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_a_recovery_that_is_killed_goes_on(running: Running, world: World) -> None:
    """Before the state is put back, and after."""
    before = known(running)
    kill_manager(world)
    for phase in ("manager-1: engine and files", "workers come back"):
        assert killed_as(running.yard, phase), f"it never came to: {phase}"
        machine = world.instances()["manager-1"]
    refused = running.yard.json("recover", "--yes")
    assert refused["different"] == []
    assert world.instances()["manager-1"] == machine, "made once"
    assert known(running) == before


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_its_disk_is_lost(running: Running, world: World) -> None:
    """The machine stays. `up` begins no other Swarm there, while workers wait for the old one."""
    before, machines = known(running), world.instances()
    lose = (
        "systemctl stop docker.socket docker; rm -rf /var/lib/docker/swarm; systemctl start docker"
    )
    running.yard.run("ssh", "manager-1", "--", "sudo", "sh", "-c", f"'{lose}'")

    refused = running.yard.json("up", "--yes", code=8)
    assert "manager-1 is in no Swarm" in refused["what"]
    assert "beeyard recover" in refused["fix"]

    assert running.yard.json("recover", "--yes")["different"] == []
    assert known(running) == before
    assert world.instances() == machines


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_a_manager_that_lives_is_not_recovered(running: Running, world: World) -> None:
    before = world.instances()
    refused = running.yard.json("recover", "--yes", code=11)
    assert refused["what"] == "manager-1 lives, and manages the Swarm: nothing is to be recovered"
    assert world.instances() == before


def killed_as(yard: Yard, phase: str) -> bool:
    """Kill `recover` with -9 as this phase begins; whether it came to that."""
    process = yard.start("recover", "--yes", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert process.stderr is not None
    with process:
        for line in process.stderr:
            if line.rstrip().endswith(f"{phase} …"):
                process.send_signal(signal.SIGKILL)
                return True
    return False
