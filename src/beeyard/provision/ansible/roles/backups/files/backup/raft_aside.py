"""A Swarm made of a copy aside, to see what it is.

The engine that makes it has folders, a network and process numbers of its own. It reaches nobody,
has no image, and what starts its containers is /bin/false: no task of the copy runs.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from raft_engine import Engine
from raft_place import await_said, force_new, place
from raft_seen import Seen, seen
from words import Failed

_NETWORK = 'ip link set lo up && ip address add "$1/32" dev lo && shift && exec "$@"'


def seen_aside(copy: Path, about: Mapping[str, Any], scratch: Path) -> Seen:
    """What a Swarm made of the copy of a manager is; `scratch` is made and removed.

    about   what is known of the copy: see `force_new`

    Raises Failed where none comes of it, or where a container was made for it.
    """
    with _aside(scratch, copy, about["address"]) as engine:
        force_new(engine, about)
        found = seen(engine)
        if made := engine.get("/containers/json?all=true"):
            raise Failed(f"{len(made)} containers were made for a Swarm that was to be looked at")
    return found


@contextmanager
def _aside(scratch: Path, copy: Path, address: str) -> Iterator[Engine]:
    """An engine with the copy's state in `scratch`; of it nothing is left at the end."""
    root = scratch / "docker"
    root.mkdir(parents=True, mode=0o700)
    place(copy, root / "swarm")
    log = scratch / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*_SPACES, "sh", "-c", _NETWORK, "sh", address, *_engine(scratch, root)],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        engine = Engine(scratch / "sock")
        if await_said(engine, lambda _: True, alive=lambda: process.poll() is None) is None:
            raise Failed(f"the engine aside did not start:\n{_last(log)}")
        try:
            yield engine
        except Failed as error:
            raise Failed(f"{error}\n{_last(log)}") from error
    finally:
        # Process 1 of its numbers: all that it started goes with it.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(scratch)


#: If we are killed, the engine is as well.
_SPACES = (
    *("setpriv", "--pdeathsig", "KILL"),
    *("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
)


def _engine(scratch: Path, root: Path) -> list[str]:
    return [
        *("dockerd", f"--data-root={root}", f"--exec-root={scratch / 'exec'}"),
        *(f"--pidfile={scratch / 'pid'}", f"--host=unix://{scratch / 'sock'}"),
        # Not that of the node, which may hold what would be in the way.
        f"--config-file={_written(scratch / 'daemon.json', '{}')}",
        *("--containerd=/run/containerd/containerd.sock", "--containerd-namespace=beeyard-proof"),
        "--containerd-plugins-namespace=beeyard-proof-plugins",
        *("--add-runtime=none=/bin/false", "--default-runtime=none", "--storage-driver=vfs"),
        *("--bridge=none", "--iptables=false", "--ip6tables=false", "--log-level=warn"),
    ]


def _written(file: Path, text: str) -> Path:
    file.write_text(text)
    return file


def _last(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-8:])
