"""What size costs: `up` of larger clusters, memory per node, and one more worker."""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from beeyard.errors import BeeyardError
from beeyard.process import Command, Runner
from beeyard.waiting import SystemClock, wait_until
from bench import memory
from bench.deploys import manager_of
from bench.load.application import rewritten
from bench.plot import draw
from bench.table import Row
from bench.yard import Yard, say

#: Nodes of the clusters that are compared; one of them is the manager.
SIZES = (3, 5, 7, 10)
GROWTH_RATIO = 2.0
ONE_MORE_SECONDS = 60.0
_GB = 1e9
_WAITING = "waiting"
_TIMEOUT = 600.0


@dataclass(frozen=True)
class Size:
    """What a cluster of so many nodes took: seconds from nothing to all addresses answering,
    seconds of an `up` with nothing to do, and bytes of each node."""

    nodes: int
    up: float
    again: float
    memory: float


def sizes(plot: Path | None) -> Sequence[Row]:
    """Clusters of several sizes, each from nothing; their curves are drawn into `plot`."""
    seen = [_size(nodes) for nodes in SIZES]
    if plot:
        draw(
            plot,
            [size.nodes for size in seen],
            up=[size.up for size in seen],
            again=[size.again for size in seen],
            memory=[size.memory for size in seen],
        )
    first, last = seen[0], seen[-1]
    return [
        *(_row(size) for size in seen),
        Row(
            f"`up` of {last.nodes} nodes, of {first.nodes}",
            last.up / first.up,
            "times",
            GROWTH_RATIO,
            "from nothing, one after the other in one run",
        ),
    ]


def _size(nodes: int) -> Size:
    with Yard.opened() as yard:
        say(f"== {nodes} nodes")
        with rewritten(yard.file) as document:
            document["workers"]["count"] = nodes - 1
        _, first = yard.up()
        result, again = yard.up()
        if result["changes"]:
            raise BeeyardError(
                f"the second `up` of {nodes} nodes made {result['changes']} changes",
                why="then its time is none of an `up` with nothing to do",
                fix="see `beeyard plan` what is not as it should be after the first",
            )
        return Size(nodes, first, again, statistics.mean(memory.of_nodes_and_others()[0]))


def _row(size: Size) -> Row:
    note = f"again {size.again:.1f} s; {size.memory / _GB:.2f} GB per node"
    return Row(f"`up` of {size.nodes} nodes", size.up, "s", note=note)


def one_more(yard: Yard) -> Sequence[Row]:
    """One more worker: from the changed file to the first task that runs on it."""
    with manager_of(yard) as manager, _a_task_waits(manager):
        say("one more worker")
        count = _add(yard, 1)
        started = time.monotonic()
        failed = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            running = pool.submit(_await_replicas, manager, count, failed)
            try:
                # Here, where an interrupt reaches it.
                result, whole = yard.up()
            except BaseException:
                failed.set()
                raise
            first = running.result() - started
    _add(yard, -1)
    yard.up()
    phases = sorted(result["seconds"].items(), key=lambda phase: -phase[1])
    each = ", ".join(f"{name} {taken:.1f}" for name, taken in phases if taken >= 0.5)
    return [
        Row("one more worker, to its first task", first, "s", ONE_MORE_SECONDS, "file, `up`, task"),
        Row("one more worker, the whole `up`", whole, "s", note=each),
    ]


def _add(yard: Yard, more: int) -> int:
    """Another number of workers into the file; gives it."""
    with rewritten(yard.file) as document:
        count = int(document["workers"]["count"]) + more
        document["workers"]["count"] = count
    return count


@contextmanager
def _a_task_waits(manager: Runner) -> Iterator[None]:
    """A service of one task per worker, and one more that finds no room: what grows a cluster."""
    image = (
        "docker service inspect timeoff_web --format '{{.Spec.TaskTemplate.ContainerSpec.Image}}'"
    )
    workers = "docker node ls --filter role=worker --quiet | wc -l"
    create = (
        f"docker service create --quiet --detach --with-registry-auth --name {_WAITING} "
        f"--replicas $(($({workers})+1)) "
        "--replicas-max-per-node 1 --constraint node.role==worker --endpoint-mode dnsrr "
        "--no-healthcheck "
        f"--entrypoint sleep $({image}) infinity"
    )
    try:
        manager.run(Command(["sh", "-c", create], timeout=_TIMEOUT))
        yield
    finally:
        manager.run(Command(["docker", "service", "rm", _WAITING], timeout=_TIMEOUT))


def _await_replicas(manager: Runner, count: int, failed: threading.Event) -> float:
    """Gives the moment (`time.monotonic`) at which so many run, or at which `failed` was set."""
    running = (
        f"docker service ps {_WAITING} --filter desired-state=running "
        "--format '{{.CurrentState}}' | grep -c ^Running || true"
    )
    command = Command(["sh", "-c", running], timeout=60)
    wait_until(
        lambda: failed.is_set() or manager.run(command).stdout.strip() == str(count),
        clock=SystemClock(),
        deadline=_TIMEOUT,
    )
    return time.monotonic()
