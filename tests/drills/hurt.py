"""Ways to hurt the cluster of the drills, each of which ends with its `with`."""

import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from docker.models.containers import Container

from beeyard.sandbox.spec import KIND_LABEL, LABEL
from beeyard.waiting import SystemClock, wait_until
from cluster.yard import DOMAIN, NAME, Yard


def containers(kind: str) -> list[Container]:
    """The rehearsal's containers of a kind: `instance`, `mount-target`, `service`."""
    labels = [f"{LABEL}={NAME}", f"{KIND_LABEL}={kind}"]
    return list(docker.from_env().containers.list(filters={"label": labels}))


def node(name: str) -> Container:
    """The container of a node."""
    (found,) = (one for one in containers("instance") if _hostname(one) == name)
    return found


def authority() -> Container:
    """The container of the certificate authority."""
    (found,) = (one for one in containers("service") if str(one.name).endswith("-acme"))
    return found


def on(name: str, *argv: str) -> str:
    """Run a command on a node as root, not by SSH; gives what it printed."""
    code, said = node(name).exec_run(list(argv))
    assert isinstance(said, bytes)
    assert code == 0, (argv, said)
    return said.decode()


#: An engine on a disk of its own that is nearly full; and as it was.
_SMALL = """
set -e
systemctl stop docker.socket docker.service
mkdir -p /run/small
mount -t tmpfs tmpfs /run/small
cp --archive /var/lib/docker/. /run/small
used=$(df --output=used --block-size=1M /run/small | tail -1)
mount -o remount,size=$((used + 300))m /run/small
mount --bind /run/small /var/lib/docker
umount /run/small
systemctl start docker.service
"""
_AS_IT_WAS = """
set -e
systemctl stop docker.socket docker.service
umount /var/lib/docker
systemctl start docker.service
"""


#: What the authority's configuration says of whom it certifies.
_ALLOWS = "challenges http-01"


@contextmanager
def nearly_full(name: str) -> Iterator[None]:
    """A node's engine has all that it had, and less than 300 MB left to write to."""
    on(name, "sh", "-c", _SMALL)
    try:
        yield
    finally:
        on(name, "sh", "-c", _AS_IT_WAS)


@contextmanager
def standing_still(*hurt: Container) -> Iterator[None]:
    """None of their processes runs; connections are taken, and nothing is answered."""
    for one in hurt:
        one.pause()
    try:
        yield
    finally:
        for one in hurt:
            one.unpause()


#: What serves the shared files on a node, the one over the other.
_FILES = ("bindfs", "sshfs")


@contextmanager
def files_that_hang(name: str) -> Iterator[None]:
    """Whoever asks for a shared file on this node waits in the kernel, for as long as this lasts:
    as with NFS, whose server is silent."""
    served = on(name, "pidof", *_FILES).split()
    assert len(served) >= len(_FILES), served
    on(name, "kill", "-STOP", *served)
    try:
        yield
    finally:
        on(name, "kill", "-CONT", *served)


@contextmanager
def refusing(hurt: Container) -> Iterator[None]:
    """The certificate authority answers, and allows no name of the cluster's."""
    (folder,) = (Path(one["Source"]) for one in hurt.attrs["Mounts"])
    file = folder / "Caddyfile"
    text = file.read_text()
    assert text.count(_ALLOWS) == 1
    file.write_text(text.replace(_ALLOWS, f"{_ALLOWS}\ndeny {{\ndomains *.{DOMAIN}\n}}"))
    hurt.restart()
    try:
        yield
    finally:
        file.write_text(text)
        hurt.restart()


@contextmanager
def from_its_first_moment(name: str, hurt: Callable[[Container], None]) -> Iterator[None]:
    """Within, as soon as a node of this name is there, `hurt` is done to it."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            for one in containers("instance"):
                if _hostname(one) == name:
                    hurt(one)
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def during(
    yard: Yard, phase: str, hurt: Callable[[], None], *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run `up`, and do `hurt` as soon as it says that a phase begins."""
    argv = arguments or ("up", "--yes")
    with yard.start("--json", *argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if f"{phase} …" in line:
                hurt()
                break
        else:
            raise AssertionError(f"`{phase}` never began:\n{''.join(said)}")
        rest, printed = process.stderr.read(), process.stdout.read()
    return subprocess.CompletedProcess(argv, process.returncode, printed, "".join(said) + rest)


def cut_ssh(name: str) -> None:
    """End all SSH sessions of a node at once, as soon as a playbook works through one."""

    def playing() -> bool:
        code, _ = node(name).exec_run(["pgrep", "--full", "mitogen:"])
        return code == 0

    wait_until(playing, clock=SystemClock(), deadline=60, interval=0.1)
    on(name, "sh", "-c", "kill -9 $(pgrep --full '^sshd: .*@')")


def _hostname(container: Container) -> str:
    said = str(container.attrs["Config"]["Hostname"])
    return said.removeprefix(f"{NAME}-")
