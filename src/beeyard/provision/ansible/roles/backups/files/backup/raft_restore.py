"""A copy put in the place of what a manager lost: its engine begins anew with it."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raft_copy import ABOUT, KEPT
from raft_engine import Engine
from raft_place import await_said, force_new, place
from words import Failed

#: What a manager that was restored says of it: which copy (`id`, `taken`) of which `backup`, if
#: a Swarm was made of it (`formed`), what that has otherwise than the backup (`different`: lines;
#: null until compared), and whether all that has to follow has been done as well (`ended`).
RECORD = Path("/var/lib/beeyard/restored.json")


def restore(engine: Engine, folder: Path, say: Callable[[str], None], backup: str = "") -> None:
    """Make this node the manager that the copy in `folder` was taken on; tells how long each part
    took. `backup`: the name of the copy where it came from.

    Where it was cut short, it is done again from its start; where it was not, nothing is done.
    Raises Failed where the engine here is in a Swarm already, whether that works or not, or where
    no Swarm comes of the copy.
    """
    about = json.loads((folder / ABOUT).read_text())
    # Whoever was cut short may have left it down.
    info = _started(engine)
    found = record()
    ours = found.get("id") == about["id"]
    if ours and found["formed"] and info["Swarm"].get("ControlAvailable"):
        return
    state = info["Swarm"]["LocalNodeState"]
    if state != "inactive" and (not ours or found["formed"]):
        raise Failed(f"this node is in a Swarm (its engine says: {state}): nothing is written over")
    _note(about, backup, formed=False)
    with _timed(say, "the copy put in its place"):
        _systemctl("stop", "docker.socket", "docker.service")
        place(folder / "swarm", Path(info["DockerRootDir"]) / "swarm")
        if (folder / "beeyard").is_dir():
            place(folder / "beeyard", KEPT)
    with _timed(say, "the engine started"):
        _started(engine)
    with _timed(say, "the Swarm made of it"):
        force_new(engine, about)
    _note(about, backup, formed=True)


def record() -> dict[str, Any]:
    """What is said of the last restore on this node; empty where there was none."""
    try:
        found: dict[str, Any] = json.loads(RECORD.read_text())
    except FileNotFoundError:
        return {}
    return found


def compared(different: list[str]) -> dict[str, Any]:
    """Note what the Swarm had otherwise than the backup, before anything else was done to it."""
    found = {**record(), "different": different}
    _write(found)
    return found


def ended() -> dict[str, Any]:
    """Note that all that has to follow a restore has been done."""
    found = {**record(), "ended": True}
    _write(found)
    return found


def _note(about: dict[str, Any], backup: str, *, formed: bool) -> None:
    made = {"id": about["id"], "taken": about["taken"], "backup": backup}
    _write({**made, "formed": formed, "different": None, "ended": False})


def _write(found: dict[str, Any]) -> None:
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    beside = RECORD.with_suffix(".new")
    beside.write_text(json.dumps(found) + "\n")
    beside.replace(RECORD)


def _started(engine: Engine) -> Any:
    _systemctl("start", "docker.service")
    info = await_said(engine, lambda _: True)
    if info is None:
        raise Failed("the engine does not start: see `systemctl status docker`")
    return info


def _systemctl(*arguments: str) -> None:
    argv = ["systemctl", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"`{' '.join(argv)}` failed: {done.stderr.strip()}")


@contextmanager
def _timed(say: Callable[[str], None], what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"{what} ({time.monotonic() - began:.1f} s)")
