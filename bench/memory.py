"""Memory of the running cluster, as the kernel accounts for it.

`docker stats` reads the same figures where it can; on a machine whose cgroups it does not
understand it says 0, so the cgroups are read here.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import docker
import psutil

from beeyard.errors import ToolError
from beeyard.sandbox.spec import KIND_LABEL, LABEL
from beeyard.sandbox.state import StateFolder
from bench.table import Row
from bench.yard import NAME, Yard

GOAL_GB = 2.5
_ROOT = Path("/sys/fs/cgroup")
_GB = 1e9


def measure(_yard: Yard) -> Sequence[Row]:
    """Nodes with all that runs on them, the rest of the sandbox, and its supervisor."""
    of_nodes, of_others = of_nodes_and_others()
    of_supervisor = _supervisor()
    total = sum(of_nodes) + sum(of_others) + of_supervisor
    each = ", ".join(f"{size / _GB:.2f}" for size in of_nodes)
    return [
        Row("memory of all of it", total / _GB, "GB", GOAL_GB, "the next three together"),
        Row(f"memory of {len(of_nodes)} nodes", sum(of_nodes) / _GB, "GB", note=each),
        Row(f"memory of {len(of_others)} other containers", sum(of_others) / _GB, "GB"),
        Row("memory of the supervisor", of_supervisor / _GB, "GB", note="the AWS API is in it"),
    ]


def of_nodes_and_others() -> tuple[list[int], list[int]]:
    """Bytes of each node with all that runs there, and of each other container of the sandbox."""
    client = docker.from_env()
    found = client.containers.list(filters={"label": f"{LABEL}={NAME}"})
    nodes = [used(one) for one in found if one.labels[KIND_LABEL] == "instance"]
    return nodes, [used(one) for one in found if one.labels[KIND_LABEL] != "instance"]


def used(container: Any) -> int:
    """Bytes that a container and all containers within it use, as `docker stats` counts them:
    with the kernel's own, without pages of files that can be dropped at any moment."""
    folder, modern = _cgroup(container.id, container.attrs["State"]["Pid"])
    usage = folder / ("memory.current" if modern else "memory.usage_in_bytes")
    name = "inactive_file" if modern else "total_inactive_file"
    stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    return int(usage.read_text()) - int(stat[name])


def _cgroup(container_id: str, pid: int) -> tuple[Path, bool]:
    """The folder of a container's memory cgroup, and whether it is one of version 2.

    Its first process may have moved further down, as systemd does: the container's own is the
    one that bears its ID. Raises ToolError if the kernel shows none.
    """
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        modern = number == "0" and not (_ROOT / "memory").is_dir()
        if modern or "memory" in controllers.split(","):
            parts = Path(path.lstrip("/")).parts
            own = next((at for at, part in enumerate(parts) if container_id in part), None)
            base = _ROOT if modern else _ROOT / "memory"
            if own is not None:
                return base.joinpath(*parts[: own + 1]), modern
    raise ToolError(
        "the memory of the sandbox's containers can't be read",
        where=f"container {container_id[:12]}, /proc/{pid}/cgroup",
        why="it is in no memory cgroup that can be seen from here",
        fix="run the bench on the machine itself, not in a container",
    )


def _supervisor() -> int:
    """Bytes of the supervisor: its proportional share of pages that it shares."""
    report = StateFolder.of(NAME).report()
    if report is None:
        raise ToolError("the sandbox's supervisor has written no report")
    return int(psutil.Process(report.process.pid).memory_full_info().pss)
