"""`down`: nothing is left of a sandbox, whatever state it is in."""

import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from docker import DockerClient
from docker.errors import APIError, NotFound

from beeyard.errors import SandboxError
from beeyard.sandbox import engine
from beeyard.sandbox.spec import LABEL
from beeyard.sandbox.state import ProcessIdentity, StateFolder, exclusive

#: Seconds for the supervisor to end what it is doing.
_GRACE = 20.0
_PARALLEL = 4


def down(name: str, progress: Callable[[str], None]) -> None:
    """End the supervisor; remove every container, volume and network that has the sandbox's label,
    and its folder. What is gone already is no error. Raises ToolError or SandboxError."""
    docker = engine.connect()
    with exclusive():
        remove(docker, name, progress)


def remove(docker: DockerClient, name: str, progress: Callable[[str], None]) -> None:
    """As `down`, for those who hold the lock already."""
    folder = StateFolder.of(name)
    report = folder.report()
    if report and report.process.is_alive():
        progress("supervisor")
        _end(report.process)
    try:
        _remove_all(docker, name, progress)
    except APIError as error:
        raise SandboxError(
            f"something of the sandbox `{name}` could not be removed",
            why=str(error.explanation or error),
            fix="run `beeyard sandbox down` again",
        ) from error
    if folder.path.exists():
        shutil.rmtree(folder.path)


def _remove_all(docker: DockerClient, name: str, progress: Callable[[str], None]) -> None:
    ours: dict[str, str | list[str] | bool] = {"label": f"{LABEL}={name}"}
    if containers := docker.containers.list(all=True, filters=ours):
        progress(f"{len(containers)} containers")
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda one: _gone(lambda: one.remove(force=True, v=True)), containers))
    if volumes := docker.volumes.list(filters=ours):
        progress(f"{len(volumes)} volumes")
        for volume in volumes:
            _gone(volume.remove)
    for network in docker.networks.list(filters=ours):
        progress("VPC network")
        _gone(network.remove)


def _gone(remove: Callable[[], object]) -> None:
    try:
        remove()
    except NotFound:
        # Somebody was faster: that is what was wanted.
        return


def _end(process: ProcessIdentity) -> None:
    """Ask it to end, and kill it if it doesn't."""
    os.kill(process.pid, signal.SIGTERM)
    if not _ended_within(process, _GRACE):
        os.kill(process.pid, signal.SIGKILL)
        _ended_within(process, _GRACE)


def _ended_within(process: ProcessIdentity, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while process.is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
