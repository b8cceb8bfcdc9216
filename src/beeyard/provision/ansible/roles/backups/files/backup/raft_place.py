"""A copy put to where an engine finds it, and a Swarm made of it."""

import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from raft_engine import Engine
from words import Failed

#: By this file an engine would start as a member of the old Swarm, before it is told otherwise.
_STARTED_BY = "docker-state.json"
_DEADLINE = 60.0


def place(copy: Path, at: Path) -> None:
    """Put a copied folder in the place of what is there, whole or not at all.

    What was there is kept beside it, as `NAME.before-TIME` (UTC).
    """
    beside = at.with_name(f".{at.name}.beeyard")
    shutil.rmtree(beside, ignore_errors=True)
    at.parent.mkdir(parents=True, exist_ok=True)
    argv = ["cp", "--archive", "--sparse=always", str(copy), str(beside)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"the copy can't be put to {at}: {done.stderr.strip()}")
    (beside / _STARTED_BY).unlink(missing_ok=True)
    if at.exists() and any(at.iterdir()):
        at.rename(at.with_name(f"{at.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}"))
    beside.replace(at)


def force_new(engine: Engine, about: Mapping[str, Any]) -> None:
    """Make a Swarm of what the engine finds in its folder, with it as the only manager.

    about   what is known of the copy: `address`, and `ca_rotations`, the Swarm's `ForceRotate`.
            Docker writes what it is given over what the copy has, 0 too, and each other number
            makes a new authority (moby: MergeSwarmSpecToGRPC; swarmkit: validateCAConfig).
    """
    body = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": about["address"]}
    spec = {"CAConfig": {"ForceRotate": about.get("ca_rotations", 0)}}
    engine.post("/swarm/init", {**body, "ForceNewCluster": True, "Spec": spec})
    if await_said(engine, lambda info: info["Swarm"].get("ControlAvailable")) is None:
        raise Failed(f"the Swarm did not come back within {_DEADLINE:.0f} s")


def await_said(
    engine: Engine,
    wanted: Callable[[Any], object],
    alive: Callable[[], bool] = lambda: True,
) -> Any:
    """Wait until the engine says of itself what is wanted; None where it did not in time, or is
    not alive any more."""
    until = time.monotonic() + _DEADLINE
    while alive() and time.monotonic() < until:
        try:
            info = engine.get("/info")
            if wanted(info):
                return info
        except Failed:
            pass  # it is starting
        time.sleep(0.05)
    return None
