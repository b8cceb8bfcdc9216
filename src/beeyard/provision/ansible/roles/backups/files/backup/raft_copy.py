"""A copy of what a manager knows: its Raft folder, and the secrets' files beside it."""

import hashlib
import json
import shutil
import socket
import subprocess
import time
import uuid
from pathlib import Path
from typing import Any

from raft_engine import Engine
from raft_freeze import LONGEST, engine_pid, frozen
from raft_seen import Facts, seen
from words import Failed

ABOUT = "about.json"
#: Kept on a first manager only: secrets' files, which the playbooks go on from.
KEPT = Path("/etc/beeyard")
#: Of it, what each `up` makes anew by what there is: of the copy no more than passengers.
_PASSENGERS = ("backups.json", "skipped.json")
_TIMES = 5
#: Seconds that a first copy may take, while the engine goes on.
_WARMS = 600.0


def take(engine: Engine, folder: Path) -> dict[str, Any]:
    """Copy the Swarm's state into `folder`, as `swarm` and `beeyard`; gives what is to be known of
    it, which is written beside them.

    The engine stands still meanwhile. What the Swarm is was asked before and after; where that
    changed in between, it is done again. Raises Failed.
    """
    info = engine.get("/info")
    managers = refuse(engine, info)
    source = Path(info["DockerRootDir"]) / "swarm"
    for _ in range(_TIMES):
        before = seen(engine)
        taken = time.time()
        stood = _copy(source, folder / "swarm")
        if seen(engine) == before:
            break
    else:
        raise Failed(f"the Swarm was changed again and again, {_TIMES} times; try again later")
    if KEPT.is_dir():
        shutil.copytree(KEPT, folder / "beeyard")
    about = {
        "id": uuid.uuid4().hex,
        "taken": taken,
        "node": socket.gethostname(),
        "address": info["Swarm"]["NodeAddr"],
        "managers": managers,
        "engine": info["ServerVersion"],
        "ca_rotations": engine.get("/swarm")["Spec"]["CAConfig"].get("ForceRotate", 0),
        "frozen": round(stood, 3),
        "seen": before,
        "kept": kept(folder / "beeyard"),
    }
    (folder / ABOUT).write_text(json.dumps(about))
    return about


def kept(folder: Path = KEPT) -> Facts:
    """What lies in such a folder, as a fact of a backup: how many files, and a hash of all their
    names, modes and contents."""
    files = [
        file
        for file in sorted(folder.rglob("*"))
        if file.is_file() and str(file.relative_to(folder)) not in _PASSENGERS
    ]
    digest = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{file.relative_to(folder)}\0{file.stat().st_mode:o}\0{content}\0".encode())
    return {str(KEPT): {"count": len(files), "digest": digest.hexdigest()}}


def refuse(engine: Engine, info: dict[str, Any]) -> int:
    """Raise Failed where a copy would be of no use, or cost the Swarm its leader; else give how
    many managers there are."""
    if not info["Swarm"].get("ControlAvailable"):
        raise Failed(f"{socket.gethostname()} is no manager of a Swarm that works")
    spec = engine.get("/swarm")["Spec"]
    if spec["EncryptionConfig"]["AutoLockManagers"]:
        raise Failed(
            "the Swarm is locked (autolock): its copy could be used by nobody without the key that "
            "`docker swarm unlock-key` shows; docker swarm update --autolock=false lets it be taken"
        )
    managers = [one for one in engine.get("/nodes") if one.get("ManagerStatus")]
    own = [one for one in managers if one["ID"] == info["Swarm"]["NodeID"]]
    if len(managers) > 1 and own[0]["ManagerStatus"].get("Leader"):
        raise Failed(f"{socket.gethostname()} leads the Swarm: take the copy on another manager")
    return len(managers)


def _copy(source: Path, into: Path) -> float:
    """Copy the folder as it is at one moment; gives the seconds that the engine stood still."""
    shutil.rmtree(into, ignore_errors=True)
    argv = ["cp", "--archive", "--sparse=always", str(source), str(into)]
    # Once beforehand, so that all of it is in memory when the engine waits for us. What is changed
    # or removed meanwhile does no harm.
    _cp(argv, _WARMS)
    shutil.rmtree(into, ignore_errors=True)
    with frozen(engine_pid()) as standing:
        done = _cp(argv, LONGEST)
    if done.returncode:
        raise Failed(f"{source} could not be copied: {done.stderr.strip()}")
    return standing.seconds


def _cp(argv: list[str], timeout: float) -> "subprocess.CompletedProcess[str]":
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"`{' '.join(argv)}` did not end within {timeout:g} s") from error
