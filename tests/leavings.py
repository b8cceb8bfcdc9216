"""What a run of the tests that was killed has left on this machine's engine: gone before the next.

Every run holds one lock as a reader. Who gets it alone knows that no other run is going on, so that
whatever carries the tests' marks is a dead one's.
"""

import contextlib
import fcntl
import os
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import docker
import platformdirs
import pytest
from docker import DockerClient
from docker.errors import DockerException

from beeyard import sandbox
from beeyard.sandbox.spec import LABEL as SANDBOX
from beeyard.sandbox.state import all_folders

#: What the tests' own containers, volumes and networks have labels of.
MARK = "beeyard.tests."
IMAGES = "beeyard-tests/"
_AT_ONCE = 4
#: Sandboxes of the tests: `e2e`, or `e2e-` and more.
SANDBOXES = re.compile(r"e2e(-.+)?")
_OURS = platformdirs.user_state_path("beeyard-tests")
#: Where these keep their files, the same in every run: so a supervisor that goes on is found.
STATE_HOME = _OURS / "state"


def hold(path: Path) -> tuple[IO[str], bool]:
    """Hold the lock for as long as the file is open; and whether nobody else does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        share(lock)
        return lock, False
    return lock, True


def share(lock: IO[str]) -> None:
    """Hold it beside others; waits for one that holds it alone."""
    fcntl.flock(lock, fcntl.LOCK_SH)


def begin() -> IO[str]:
    """For the first process of a run: remove what dead ones left, then go on beside others."""
    lock, alone = hold(_OURS / "lock")
    if alone:
        try:
            with contextlib.closing(docker.from_env(timeout=120)) as engine:
                _sweep_all(engine)
        except DockerException:
            # No engine, so nothing of it: the tests without Docker want none.
            pass
        share(lock)
    return lock


def sweep(engine: DockerClient, mark: str, run: str = "") -> list[str]:
    """Remove each container, volume and network with a label that begins with `mark`, of any run or
    of one; their names."""
    gone: list[str] = []
    kinds: tuple[tuple[Any, dict[str, bool], dict[str, bool]], ...] = (
        (engine.containers, {"all": True}, {"force": True, "v": True}),
        (engine.volumes, {}, {"force": True}),
        (engine.networks, {}, {}),
    )
    for kind, everything, options in kinds:
        found = [
            one
            for one in kind.list(**everything)
            if any(k.startswith(mark) and run in ("", v) for k, v in _labels(one).items())
        ]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(lambda one, options=options: one.remove(**options), found))
        gone += [one.name for one in found]
    return gone


def _sweep_all(engine: DockerClient) -> None:
    gone = [name for name in _sandboxes(engine) if SANDBOXES.fullmatch(name)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(STATE_HOME))
        gone += all_folders()
        for name in dict.fromkeys(gone):
            sandbox.down(name, lambda _: None)
    shutil.rmtree(STATE_HOME, ignore_errors=True)
    gone += sweep(engine, MARK)
    for image in engine.images.list():
        for name in image.tags:
            if name.startswith(IMAGES):
                engine.images.remove(name, force=True)
    if gone:
        print(f"removed what an earlier run left: {', '.join(gone)}")  # noqa: T201


def _sandboxes(engine: DockerClient) -> list[str]:
    every: list[Any] = [
        *engine.containers.list(all=True),
        *engine.volumes.list(),
        *engine.networks.list(),
    ]
    return sorted({labels[SANDBOX] for one in every if SANDBOX in (labels := _labels(one))})


def _labels(one: Any) -> dict[str, str]:
    """Containers have theirs in another place than volumes and networks, which may have none."""
    found: dict[str, str] | None = (one.attrs.get("Config") or one.attrs).get("Labels")
    return found or {}


def is_first_process() -> bool:
    """Not one of those that pytest-xdist starts."""
    return "PYTEST_XDIST_WORKER" not in os.environ
