"""Bad luck of every kind: a clear error, another exit code than 0, nothing lost.

Each drill ends with an `up` that has nothing to do.
"""

import json
import re
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from docker.models.containers import Container
from ruamel.yaml import YAML

from beeyard.sandbox.spec import LABEL
from beeyard.sandbox.state import StateFolder
from beeyard.waiting import SystemClock, wait_until
from cluster.yard import DOMAIN, NAME, Running, Yard, leftovers
from drills.conftest import answers, change
from drills.hurt import (
    authority,
    containers,
    cut_ssh,
    during,
    files_that_hang,
    from_its_first_moment,
    nearly_full,
    on,
    refusing,
    standing_still,
)
from drills.phases import THIRDS, stopped_in
from drills.world import World

pytestmark = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1800),
]


@pytest.fixture
def yard_of(running: Running, ends_whole: None) -> Yard:
    """The command line. Whatever a drill did, all has to be well in the end."""
    return running.yard


@pytest.fixture
def yard_with_data(running: Running, nothing_lost: None, ends_whole: None) -> Yard:
    """The same, where rows and files are looked at in the end, when all is well again."""
    return running.yard


def refused(yard: Yard, code: int, *arguments: str) -> dict[str, Any]:
    """The error of a command that has to fail with this exit code, in words and with advice."""
    error = yard.json(*(arguments or ("up", "--yes")), code=code)
    assert error["what"], error
    assert error["fix"], error
    return dict(error)


def test_somebody_holds_a_state(yard_of: Yard, world: World) -> None:
    """Their lock is named and left alone."""
    s3 = world.client("s3")
    bucket, key = world.state("swarm_cluster")
    lock = {
        "ID": "5d0b4a5e-0000-4000-8000-000000000000",
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": "ops@elsewhere",
        "Version": "1.11.4",
        "Created": "2026-01-02T03:04:05Z",
        "Path": f"{bucket}/{key}",
    }
    s3.put_object(Bucket=bucket, Key=f"{key}.tflock", Body=json.dumps(lock).encode())
    try:
        change(yard_of, "workers", count=3)
        error = refused(yard_of, 5)
        assert "ops@elsewhere" in json.dumps(error)
        kept = s3.get_object(Bucket=bucket, Key=f"{key}.tflock")["Body"].read()
        assert json.loads(kept) == lock
        assert sorted(world.instances()) == ["manager-1", "worker-1", "worker-2"]
    finally:
        s3.delete_object(Bucket=bucket, Key=f"{key}.tflock")


@pytest.mark.parametrize("node", ["worker-1", "manager-1"])
def test_an_engine_stops_halfway(yard_with_data: Yard, node: str) -> None:
    """It is said which node's, or the same `up` has started it again."""

    def stop() -> None:
        # Where the playbook starts it at the same moment, systemd calls the one or the other off.
        on(node, "sh", "-c", "systemctl stop docker.service docker.socket || true")

    done = during(yard_with_data, "hosts", stop)
    if done.returncode:
        error = json.loads(done.stdout)
        assert done.returncode == 7, error
        assert node in f"{error['what']} {error['where']} {error['why']}"
        assert error["fix"]
    else:
        assert on(node, "systemctl", "is-active", "docker.service").strip() == "active"


def test_a_disk_is_nearly_full(yard_with_data: Yard) -> None:
    with nearly_full("worker-1"):
        error = refused(yard_with_data, 7)
    assert error["what"].startswith("the disk is nearly full")
    assert re.search(r"worker-1: \d+ MB at /var/lib/docker", error["where"])


def test_the_servers_of_shared_files_hang(yard_with_data: Yard) -> None:
    """Neither `up` nor `status` hangs with them. What stands for NFS gives up by itself, with an
    error, before the role's 30 s are over."""
    with standing_still(*containers("mount-target")):
        began = time.monotonic()
        error = refused(yard_with_data, 7)
        assert time.monotonic() - began < 150
        assert "The shared file system" in error["why"]
        assert "could not be written to" in error["why"] or "took more than" in error["why"]
        look = yard_with_data.start("status", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # What it sees, it says: all well, or not.
        assert look.wait(timeout=120) in {0, 10}


@pytest.mark.usefixtures("nothing_lost", "ends_in_need_of_nothing")
def test_shared_files_hang_in_the_kernel(running: Running) -> None:
    """As with NFS, nobody who asks for one gets an answer, or an error."""
    with files_that_hang("worker-1"):
        began = time.monotonic()
        error = refused(running.yard, 7)
        # The 30 s, and what an `up` takes to come there: on a loaded machine, minutes.
        assert time.monotonic() - began < 400
        assert re.search(r"on worker-1 took more than 30 seconds", error["why"]), error
        began = time.monotonic()
        said = running.status_now
        assert time.monotonic() - began < 120
        # Engines and Swarm have nothing to do with it; what is said to answer does.
        assert {node["state"] for node in said["nodes"]} == {"ready"}
        (web,) = (one for one in said["urls"] if "//timeoff." in one["url"])
        assert web["answer"]
        if web["ok"]:
            eventually(lambda: answers(running))


def test_shared_files_are_out_of_reach(yard_with_data: Yard) -> None:
    rule = ("OUTPUT", "-p", "tcp", "--dport", "2049", "-j", "REJECT", "--reject-with", "tcp-reset")
    on("worker-1", "iptables", "-I", *rule)
    try:
        error = refused(yard_with_data, 7)
    finally:
        on("worker-1", "iptables", "-D", *rule)
    assert "worker-1" in json.dumps(error)
    assert "shared file system" in json.dumps(error)


@pytest.mark.parametrize(
    ("trouble", "heard"),
    [(standing_still, "timeout"), (refusing, "rejectedidentifier")],
    ids=["down", "refused"],
)
def test_no_certificates_are_issued(
    running: Running,
    yard_of: Yard,
    tmp_path: Path,
    trouble: Callable[[Container], AbstractContextManager[None]],
    heard: str,
) -> None:
    """The old certificate stays; what has none yet is said, and why."""
    before = certificate(running, f"timeoff.{DOMAIN}")
    try:
        with trouble(authority()):
            assert yard_of.json("up", "--yes")["changes"] == 0
            add_application(yard_of, tmp_path, "late")
            error = refused(yard_of, 10)
            assert f"late.{DOMAIN}" in json.dumps(error)
            assert heard in error["why"].lower()
            assert "https://acme." in error["why"]
            assert certificate(running, f"timeoff.{DOMAIN}") == before
        assert yard_of.json("up", "--yes")["urls"]
        assert certificate(running, f"late.{DOMAIN}") != before
    finally:
        running.docker_on("manager-1", "stack", "rm", "late")


def test_there_is_no_capacity(yard_of: Yard, world: World) -> None:
    yard_of.run("sandbox", "fault", "ec2:RunInstances=fail:InsufficientInstanceCapacity*9")
    change(yard_of, "workers", count=3)
    error = refused(yard_of, 5)
    assert "InsufficientInstanceCapacity" in json.dumps(error)
    yard_of.run("sandbox", "fault", "--clear")
    assert yard_of.json("status")["ok"] is True
    yard_of.run("up", "--yes")
    assert "worker-3" in world.instances()
    assert world.orphans() == []


@pytest.mark.parametrize(
    "faults",
    [
        # Whoever is told to wait waits, and goes on.
        ("ec2:DescribeInstances=throttle*3", "ec2:RunInstances=throttle*2"),
        ("ec2:RunInstances=drop", "ec2:DescribeInstances=drop*2"),
        # The first, beeyard's own, is given up by its client; Terraform's, by the other side.
        ("sts:GetCallerIdentity=hang", "ec2:RunInstances=hang"),
    ],
    ids=["throttled", "broken", "timed-out"],
)
def test_calls_are_made_again(yard_of: Yard, world: World, faults: tuple[str, ...]) -> None:
    yard_of.run("sandbox", "fault", *faults)
    change(yard_of, "workers", count=3)
    yard_of.run("up", "--yes")
    assert yard_of.json("sandbox", "fault") == []
    assert "worker-3" in world.instances()
    assert world.orphans() == []


def test_an_instance_never_answers(yard_with_data: Yard, world: World) -> None:
    """It is named, with what makes another of it; nobody does that without being asked."""
    change(yard_with_data, "workers", count=3)
    with from_its_first_moment("worker-3", Container.pause):
        error = refused(yard_with_data, 7)
    assert error["what"].startswith("worker-3 does not let us in")
    assert "beeyard node replace" in error["fix"]
    silent = world.instances()["worker-3"]
    yard_with_data.run("node", "replace", "worker-3", "--yes")
    assert world.instances()["worker-3"] != silent
    yard_with_data.run("up", "--yes")
    assert len(yard_with_data.json("node", "ls")) == 4


def test_ssh_is_cut_in_a_playbook(yard_of: Yard) -> None:
    done = during(yard_of, "hosts", lambda: cut_ssh("worker-1"))
    assert done.returncode == 7, done.stderr
    error = json.loads(done.stdout)
    assert "worker-1" in json.dumps(error)


def test_a_host_key_is_another(yard_of: Yard) -> None:
    """Nobody goes on to talk with it."""
    on("worker-1", "sh", "-c", "mkdir /root/keys && mv /etc/ssh/ssh_host_* /root/keys")
    on("worker-1", "ssh-keygen", "-A")
    on("worker-1", "sh", "-c", "systemctl restart ssh; kill $(pgrep --full '^sshd: .*@')")
    try:
        error = refused(yard_of, 7)
        assert error["what"] == "the host key of worker-1 is not the one that was pinned"
    finally:
        on("worker-1", "sh", "-c", "mv /root/keys/* /etc/ssh && rmdir /root/keys")
        on("worker-1", "systemctl", "restart", "ssh")


@pytest.mark.parametrize("third", THIRDS)
def test_ctrl_c_as_each_phase_begins(
    yard: Yard, record_property: Callable[[str, object], None], third: int
) -> None:
    """Each time it ends by itself with 130 and leaves no lock; in the end all is there."""
    record_property("interrupted at", stopped_in(yard, third, signal.SIGINT))
    assert yard.json("up", "--yes")["changes"] == 0
    assert yard.json("status")["ok"] is True


def test_the_rehearsal_s_own_process_is_gone(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said by all, and `down` still cleans up."""
    yard = running.yard
    monkeypatch.setenv("XDG_STATE_HOME", yard.environment["XDG_STATE_HOME"])
    psutil.Process(supervisor()).kill()
    for command in (("up", "--yes"), ("status",), ("plan",)):
        error = refused(yard, 6, *command)
        assert "supervisor is gone" in error["why"]
    yard.run("down", "--yes")
    assert leftovers(f"{LABEL}={NAME}") == []
    assert not StateFolder.of(NAME).path.exists()


def supervisor() -> int:
    """The process that is the rehearsal's cloud."""
    report = StateFolder.of(NAME).report()
    assert report is not None
    return report.process.pid


def certificate(running: Running, name: str) -> bytes:
    """The certificate that the edge shows for a name."""
    port = urlsplit(running.url("timeoff")).port or 443
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname=name) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
    assert shown
    return shown


def eventually(condition: Callable[[], bool]) -> None:
    """Within minutes."""
    wait_until(condition, clock=SystemClock(), deadline=180, interval=1)


def add_application(yard: Yard, folder: Path, name: str) -> None:
    """One that serves a folder's listing at a name of its own."""
    rule = f"Host(`{name}.{DOMAIN}`)"
    service = {
        "image": "python:3.11-slim-bookworm",
        "command": ["python", "-m", "http.server", "8000"],
        "networks": ["traefik_proxy"],
        "deploy": {
            "labels": [
                "traefik.enable=true",
                f"traefik.http.routers.{name}.rule={rule}",
                f"traefik.http.routers.{name}.entrypoints=https",
                f"traefik.http.routers.{name}.tls.certresolver=le",
                f"traefik.http.services.{name}.loadbalancer.server.port=8000",
            ]
        },
    }
    stack = {
        "version": "3.8",
        "services": {"web": service},
        "networks": {"traefik_proxy": {"external": True}},
    }
    with (folder / "stack.yml").open("w") as file:
        YAML().dump(stack, file)
    document = YAML().load(yard.file)
    document["applications"][name] = {"path": str(folder)}
    YAML().dump(document, yard.file)
