"""Services for the tests that change them, and an eye that is kept on one all the while."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from beeyard.process import Command
from beeyard.swarm import Manager, Patience, Service, Snapshot, await_converged

QUICK = Patience(deadline=60, settle=1, failures=3, homeless=3)
SERVES = "trap 'exit 0' TERM; while :; do sleep 0.2; done"


@contextmanager
def service(swarm: Any, manager: Manager, name: str, *flags: str) -> Iterator[None]:
    """A service of the tiny image, running; gone afterwards."""
    docker = swarm.on("manager-1")
    argv = ["docker", "service", "create", "--quiet", "--detach", "--with-registry-auth"]
    argv += ["--no-resolve-image", "--endpoint-mode=dnsrr", "--restart-delay=200ms"]
    try:
        command = ["/bin/sh", "-c", SERVES]
        docker.run(Command([*argv, f"--name={name}", *flags, swarm.tiny, *command]))
        await_converged(manager, [name], patience=QUICK)
        yield
    finally:
        docker.run(Command(["docker", "service", "rm", name]), check=False)


def find(snapshot: Snapshot, name: str) -> Service:
    return next(service for service in snapshot.services if service.name == name)


def ids(manager: Manager, name: str) -> list[str]:
    return sorted(task.id for task in find(manager.snapshot(), name).running)


def spec_of(manager: Manager, name: str) -> dict[str, Any]:
    api: Any = manager.client.api
    return dict(api.inspect_service(name)["Spec"])


def node_spec(manager: Manager, name: str) -> dict[str, Any]:
    api: Any = manager.client.api
    return dict(api.inspect_node(name)["Spec"])


@dataclass
class Watch:
    """How many tasks of a service ran, whenever it was looked at."""

    counts: list[int] = field(default_factory=list)


@contextmanager
def watched(swarm: Any, name: str) -> Iterator[Watch]:
    """Look at a service as often as possible, over a connection of its own."""
    watch, stop = Watch(), threading.Event()

    def look(manager: Manager) -> None:
        while not stop.is_set():
            watch.counts.append(len(find(manager.snapshot(), name).running))

    with swarm.tunnel() as tunnel:
        thread = threading.Thread(target=look, args=[Manager(tunnel.client)])
        thread.start()
        try:
            yield watch
        finally:
            stop.set()
            thread.join()
    assert len(watch.counts) > 10
