"""Into an application's tasks: what they write, and a command beside what they run."""

import re
import shlex
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from docker import DockerClient
from docker.errors import NotFound

from beeyard.errors import SwarmError
from beeyard.swarm import Manager, Service, Snapshot, in_words
from beeyard.swarm.logs import Entry, Excerpt, Stream, service_log

_SHORT = 12
_OF_A_NODE = re.compile(r"\b[a-z0-9]{25}\b")


@dataclass(frozen=True)
class Line:
    """A line of an application's log: who wrote it, to which stream, when (RFC 3339, UTC)."""

    service: str
    task: str
    node: str
    stream: Stream
    time: str
    text: str

    @property
    def origin(self) -> str:
        """Task and node, such as `web.1@worker-2`; a global service has one task on each node."""
        of_the_node = self.task == f"{self.service}.{self.node}"
        return f"{self.service if of_the_node else self.task}@{self.node}"

    def as_dict(self) -> dict[str, Any]:
        """The line for `--json`."""
        return asdict(self)


@dataclass(frozen=True)
class Place:
    """A running task's container, and the node that it is on."""

    task: str
    node: str
    container: str


def services_of(
    snapshot: Snapshot, application: str, service: str | None = None
) -> tuple[Service, ...]:
    """The services of an application that runs, or the one of that (short) name.

    Raises SwarmError, with the names that there are, where there is none.
    """
    found = {_short(one): one for one in snapshot.stack(application)}
    if not found:
        raise SwarmError(
            f"{application} does not run", fix=f"beeyard deploy {application} brings it up"
        )
    if service is None:
        return tuple(found.values())
    if service not in found:
        raise SwarmError(
            f"{application} has no service {service}",
            why=f"its services are {', '.join(found)}",
            fix="name one of those",
        )
    return (found[service],)


def read_logs(
    manager: Manager, application: str, service: str | None, excerpt: Excerpt
) -> Iterator[Line]:
    """The lines of an application's services, in order of time; followed, as they come.

    Raises SwarmError for a service that is not there, and, after all the lines that there are,
    where some can't be had.
    """
    names = _Names(manager.client)
    chosen = services_of(manager.snapshot(), application, service)
    lines = (names.line(_short(one), entry) for one, entry in _read(manager, chosen, excerpt))
    problems: list[str] = []
    for line in lines if excerpt.follow else _in_order(lines):
        if line.node:
            yield line
        else:
            problems.append(f"{line.service}: {line.text}")
    if problems:
        raise SwarmError(
            "the log is not complete", why="\n".join(problems), fix="see `beeyard status`"
        )


def place_of(manager: Manager, application: str, service: str, task: str | None = None) -> Place:
    """Where a task of the service runs: the first, or that of a number (of a global service: of a
    node). Raises SwarmError where there is none."""
    (found,) = services_of(manager.snapshot(), application, service)
    running = {one.name.removeprefix(f"{found.name}."): one for one in found.running if one.node}
    wanted = task or next(iter(running), None)
    if wanted not in running:
        raise SwarmError(
            f"{service} has no running task{f' {task}' if task else ''}",
            why=f"those that run are {', '.join(running)}" if running else None,
            fix=f"see what its tasks say: beeyard logs {application} {service}",
        )
    with in_words("the task could not be looked at"):
        api: Any = manager.client.api
        status = api.inspect_task(running[wanted].id)["Status"]
    container = str(status["ContainerStatus"]["ContainerID"])
    return Place(f"{service}.{wanted}", str(running[wanted].node), container)


def command_inside(
    ssh_config: Path, place: Place, command: Sequence[str], *, terminal: bool
) -> list[str]:
    """The argv that runs `command` in a task's container. `terminal`: it gets one of its own."""
    flags = ["-it"] if terminal else ["-i"]
    remote = ["sudo", "-n", "docker", "exec", *flags, place.container, *command]
    return [
        "ssh",
        "-F",
        str(ssh_config),
        "-t" if terminal else "-T",
        # What the command says is all that is to be heard.
        "-o",
        "LogLevel=ERROR",
        place.node,
        "--",
        shlex.join(remote),
    ]


class _Names:
    """Names of tasks and nodes by their IDs, asked for once each."""

    def __init__(self, client: DockerClient) -> None:
        self._api: Any = client.api
        self._known: dict[str, str] = {}

    def line(self, service: str, entry: Entry) -> Line:
        if not entry.node_id:
            # What the manager says of nodes, it says of their IDs.
            text = _OF_A_NODE.sub(lambda found: self._node(found[0]), entry.text)
            return Line(service, service, "", entry.stream, entry.time, text.rpartition(": ")[2])
        node = self._node(entry.node_id)
        slot = self._slot(entry.task_id) or node
        return Line(service, f"{service}.{slot}", node, entry.stream, entry.time, entry.text)

    def _node(self, node_id: str) -> str:
        if node_id not in self._known:
            self._known[node_id] = self._asked(
                lambda: str(self._api.inspect_node(node_id)["Description"]["Hostname"]), node_id
            )
        return self._known[node_id]

    def _slot(self, task_id: str) -> str:
        if task_id not in self._known:
            self._known[task_id] = self._asked(
                lambda: str(self._api.inspect_task(task_id).get("Slot") or ""), task_id
            )
        return self._known[task_id]

    @staticmethod
    def _asked(ask: Any, otherwise: str) -> str:
        """What the Swarm says; of what it has forgotten, the start of its ID."""
        try:
            with in_words("the manager did not say whose log this is"):
                return str(ask())
        except SwarmError as error:
            if isinstance(error.__cause__, NotFound):
                return otherwise[:_SHORT]
            raise


_Read = tuple[Service, Entry]
#: None: one of the logs has ended.
_Arrived = SimpleQueue[_Read | Exception | None]


def _read(manager: Manager, services: Sequence[Service], excerpt: Excerpt) -> Iterator[_Read]:
    """The entries of several logs as they come. Raises what one fails of when the others have
    ended; followed, at once."""
    arrived: _Arrived = SimpleQueue()
    for service in services:
        # Nobody waits for one that is silent: it ends with the tunnel, at the latest.
        threading.Thread(
            target=_pass_on, args=(manager, service, excerpt, arrived), daemon=True
        ).start()
    left, failures = len(services), list[Exception]()
    while left and not (failures and excerpt.follow):
        one = arrived.get()
        if one is None:
            left -= 1
        elif isinstance(one, Exception):
            failures.append(one)
        else:
            yield one
    if failures:
        raise failures[0]


def _pass_on(manager: Manager, service: Service, excerpt: Excerpt, arrived: _Arrived) -> None:
    try:
        for entry in service_log(manager.client, service.id, excerpt):
            arrived.put((service, entry))
    except Exception as error:  # noqa: BLE001 (raised again where it is waited for)
        arrived.put(error)
    arrived.put(None)


def _in_order(lines: Iterator[Line]) -> Iterator[Line]:
    """By time; before what failed is raised, all that came."""
    read: list[Line] = []
    failure: SwarmError | None = None
    try:
        for line in lines:
            read.append(line)  # noqa: PERF402 (those before a failure count)
    except SwarmError as error:
        failure = error
    yield from sorted(read, key=lambda line: line.time)
    if failure is not None:
        raise failure


def _short(service: Service) -> str:
    return service.name.removeprefix(f"{service.stack}_")
