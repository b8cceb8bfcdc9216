"""What the controller relies on of its storage, on the sandbox's shared files: one SFTP server, and
two mounts of it as two nodes have them."""

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from docker import DockerClient
from docker.models.containers import Container as Running

import beeyard
from beeyard.controller.journal import NAME
from beeyard.sandbox import files as shared
from beeyard.sandbox.images import Images
from beeyard.waiting import SystemClock, wait_until

pytestmark = pytest.mark.real

#: Two addresses of the same server: two mounts.
MOUNTS = {"/mnt/a": "127.0.0.1", "/mnt/b": "127.0.0.2"}
PROGRAM = "/tests/copies.py"
RACE = """
import errno, json, os, sys, threading
outcomes = []
def attempt(path, barrier):
    barrier.wait()
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        outcomes.append("made")
    except OSError as error:
        outcomes.append(errno.errorcode[error.errno])
for number in range(100):
    barrier = threading.Barrier(6)
    threads = [threading.Thread(target=attempt, args=(f"/mnt/{'ab'[i % 2]}/{number}", barrier))
               for i in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print(json.dumps({word: outcomes.count(word) for word in set(outcomes)}))
"""
FRESH = """
import os
kept = os.open("/mnt/a/beat", os.O_CREAT | os.O_WRONLY)
stale = 0
for number in range(100):
    said = b"%08d" % number
    os.pwrite(kept, said, 0)
    os.fsync(kept)
    stale += open("/mnt/b/beat", "rb").read() != said
    open("/mnt/a/new", "wb").write(said)
    os.rename("/mnt/a/new", "/mnt/a/whole")
    stale += open("/mnt/b/whole", "rb").read() != said
print(stale)
"""


@dataclass(frozen=True)
class Node:
    """A node with both mounts."""

    container: Running

    def run(self, *argv: str) -> str:
        done = self.container.exec_run(
            list(argv), environment={"PYTHONPATH": "/src", "PYTHONDONTWRITEBYTECODE": "1"}
        )
        output = done.output
        assert isinstance(output, bytes)
        assert done.exit_code == 0, output.decode()
        return output.decode()

    def has(self, path: Path) -> bool:
        return bool(self.container.exec_run(["test", "-s", str(path)]).exit_code == 0)

    def copies(self, *argv: str) -> str:
        return self.run("python3", PROGRAM, *argv)


@pytest.fixture(scope="module")
def node(
    engine: DockerClient, images: Images, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Node]:
    folder = tmp_path_factory.mktemp("efs")
    shared.prepare(folder)
    script = (
        "cp -r /given /etc/beeyard-efs && chmod -R go= /etc/beeyard-efs && "
        "mkdir -p /srv/efs /etc/beeyard-efs/server && cp /server/* /etc/beeyard-efs/server/ && "
        "chmod -R go= /etc/beeyard-efs && exec sh /given-server.sh"
    )
    server = Path(shared.__file__).parent / "scripts" / "file-server.sh"
    container = engine.containers.run(
        images.node,
        entrypoint=["sh", "-c", script],
        detach=True,
        labels={"beeyard.tests.files": str(os.getpid())},
        network_mode="none",
        cap_add=["SYS_ADMIN"],
        cap_drop=["SYS_RESOURCE"],
        security_opt=["seccomp=unconfined", "apparmor=unconfined"],
        devices=["/dev/fuse:/dev/fuse:rwm"],
        volumes={
            str(folder / "node"): {"bind": "/given", "mode": "ro"},
            str(folder / "server"): {"bind": "/server", "mode": "ro"},
            str(server): {"bind": "/given-server.sh", "mode": "ro"},
            str(Path(beeyard.__file__).parent): {"bind": "/src/beeyard", "mode": "ro"},
            str(Path(__file__).with_name("copies.py")): {"bind": PROGRAM, "mode": "ro"},
        },
    )
    try:
        made = Node(container)
        for place, host in MOUNTS.items():
            made.run("mkdir", "-p", place)
            made.run("sh", "/etc/beeyard-efs/mount.efs", f"{host}:/", place)
        yield made
    finally:
        container.remove(force=True, v=True)


def test_of_those_who_create_a_file_one_succeeds(node: Node) -> None:
    """Some are told EPERM: SFTP has one code for that and for EEXIST."""
    outcomes = json.loads(node.run("python3", "-c", RACE))
    assert outcomes.pop("made") == 100
    assert set(outcomes) <= {"EEXIST", "EPERM"}
    assert sum(outcomes.values()) == 500


def test_what_is_synced_is_seen_by_who_opens_it_elsewhere(node: Node) -> None:
    assert node.run("python3", "-c", FRESH).strip() == "0"


def test_copies_on_two_nodes_hold_no_epoch_both(node: Node) -> None:
    """And what each was sure of is replayed."""
    said = node.copies("race", "/mnt/a/race,/mnt/b/race", "4", "3")
    results = [json.loads(line) for line in said.splitlines()]
    assert sorted(epoch for one in results for epoch in one["won"]) == list(range(1, 13))
    kept = {
        (record["writer"], record["n"])
        for record in json.loads(node.copies("follow", "/mnt/b/race", "reader"))
    }
    assert {(one["name"], number) for one in results for number in one["sure"]} <= kept


def test_a_holder_that_was_frozen_on_one_node_is_ignored_on_the_other(node: Node) -> None:
    argv = ["docker", "exec", "-i", "-e", "PYTHONPATH=/src", str(node.container.id)]
    with (
        subprocess.Popen(
            [*argv, "python3", PROGRAM, "obey", "/mnt/a/frozen", "frozen"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
        contextlib.ExitStack() as stack,
    ):
        stack.callback(process.kill)
        assert process.stdin is not None
        assert process.stdout is not None
        _, epoch, pid = process.stdout.readline().split()
        assert epoch == "1"
        process.stdin.write("before\n")
        process.stdin.flush()
        assert process.stdout.readline() == "sure\n"
        node.run("kill", "-STOP", pid)
        wait_until(
            lambda: _state(node, pid) == "T", clock=SystemClock(), deadline=10, interval=0.05
        )
        process.stdin.write("ghost\n")
        process.stdin.flush()

        read = json.loads(node.copies("follow", "/mnt/b/frozen", "awake"))
        assert [record["word"] for record in read] == ["before", "from awake"]

        node.run("kill", "-CONT", pid)
        assert process.stdout.readline() == "lost\n"
        assert process.wait(10) == 0
    assert "ghost" in node.run("cat", "/mnt/b/frozen/00000001/records")
    read = json.loads(node.copies("follow", "/mnt/a/frozen", "third"))
    assert [record["word"] for record in read] == ["before", "from awake", "from third"]


def _state(node: Node, pid: str) -> str:
    return node.run("cat", f"/proc/{pid}/stat").rpartition(")")[2].split()[0]


def test_a_copy_ends_whose_files_did_not_come_back_with_the_mount(node: Node) -> None:
    """Files that were open when a mount lost its server are lost, though the mount is back: the
    copy ends that has them open, before somebody's change is the one to find out."""
    with ThreadPoolExecutor(1) as pool:
        why = pool.submit(node.copies, "keep", "/mnt/a/kept", "one")
        begun = Path("/mnt/a/kept/00000001") / NAME
        wait_until(lambda: node.has(begun), clock=SystemClock(), deadline=20)
        node.run("pkill", "-f", f"^ssh .*{MOUNTS['/mnt/a']}")
        said = why.result(timeout=60)
    assert said.startswith("its journal is broken: ")
    assert "Input/output error" in said
    assert node.copies("follow", "/mnt/a/kept", "two")
