"""`Snapshot`: what really runs, as plain frozen data in a fixed order."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Mode = Literal["replicated", "global", "replicated-job", "global-job"]

#: What becomes of a task that nobody asked to end.
_BY_ITSELF = ("failed", "rejected", "complete")
#: States that no task leaves (Docker: "Swarm task states").
LAST = frozenset({"complete", "shutdown", "failed", "rejected", "remove", "orphaned"})


@dataclass(frozen=True)
class Capabilities:
    """What the nodes' kernels can do.

    Without `ipvs` service addresses and the routing mesh do not answer.
    """

    ipvs: bool


@dataclass(frozen=True)
class Resources:
    """What a node has: processors, and memory in bytes."""

    cpus: float
    memory: int


@dataclass(frozen=True)
class Node:
    """A member of the Swarm, as its managers see it.

    `reachability` (`reachable`, `unreachable`, `unknown`) is None for one that is no manager now.
    """

    id: str
    name: str
    role: str
    state: str
    availability: str
    address: str
    leader: bool
    engine_version: str
    architecture: str
    resources: Resources
    labels: Mapping[str, str]
    reachability: str | None = None

    @property
    def described(self) -> Mapping[str, Any]:
        """As the Engine API describes it, as far as placement constraints go."""
        return {
            "ID": self.id,
            "Spec": {"Role": self.role, "Labels": dict(self.labels)},
            "Status": {"Addr": self.address},
            "Description": {
                "Hostname": self.name,
                "Platform": {"OS": "linux", "Architecture": self.architecture},
            },
        }


@dataclass(frozen=True)
class Task:
    """One attempt at running one replica.

    `current`: it has the definition that its service has now. `since`: when it came to its state.
    `exit_code`: only of one that has ended; until then the engine gives 0, or -1 under load.
    """

    id: str
    name: str
    node: str | None
    state: str
    desired: str
    message: str
    error: str | None
    exit_code: int | None
    since: datetime
    current: bool

    @property
    def runs(self) -> bool:
        return self.state == "running" and self.desired == "running"

    @property
    def ended(self) -> bool:
        return self.state in LAST


@dataclass(frozen=True)
class Port:
    """A published port. `mode` is `ingress` or `host`."""

    target: int
    published: int | None
    protocol: str
    mode: str


@dataclass(frozen=True)
class Update:
    """How the last update of a service goes, or went."""

    state: str
    message: str


@dataclass(frozen=True)
class Service:
    """A service: what it should be (`wanted` replicas of `image`), and its tasks, newest last.

    `healthcheck`: the service itself defines one (its image may as well, which managers can't see).
    `version` grows with every update, `definition` (a hash) differs only where the service does.
    `update_order` is None where the definition says nothing of updates; `spread`: what its
    placement preferences name; `restart`: when an ended task is begun again (`none`, `on-failure`,
    `any`).
    """

    id: str
    name: str
    stack: str | None
    image: str
    mode: Mode
    wanted: int
    tasks: tuple[Task, ...]
    update: Update | None
    endpoint_mode: str
    ports: tuple[Port, ...]
    networks: tuple[str, ...]
    healthcheck: bool
    constraints: tuple[str, ...]
    labels: Mapping[str, str]
    version: int
    definition: str
    update_order: str | None = None
    spread: tuple[str, ...] = ()
    restart: str = "any"

    @property
    def running(self) -> tuple[Task, ...]:
        """The tasks that serve; for a job, those that came to their end."""
        if self.mode.endswith("-job"):
            return tuple(task for task in self.tasks if task.state == "complete" and task.current)
        return tuple(task for task in self.tasks if task.runs)

    @property
    def ended(self) -> tuple[Task, ...]:
        """Tasks that came to an end which nobody asked for, the last one last.

        One that ends with 0 when Swarm stops it as unhealthy is `complete`, not `failed`.
        """
        bad = ("failed", "rejected") if self.mode.endswith("-job") else _BY_ITSELF
        return tuple(sorted((t for t in self.tasks if t.state in bad), key=lambda t: t.since))

    @property
    def nodes(self) -> tuple[str, ...]:
        """Where it runs, each node once for every running task."""
        return tuple(task.node for task in self.running if task.node)


@dataclass(frozen=True)
class Network:
    """A network of the Swarm's."""

    name: str
    driver: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """The Swarm at `taken_at` (by the manager's clock)."""

    taken_at: datetime
    nodes: tuple[Node, ...]
    services: tuple[Service, ...]
    networks: tuple[Network, ...]
    configs: tuple[str, ...]
    secrets: tuple[str, ...]

    @property
    def capabilities(self) -> Capabilities:
        """What all nodes can do, from the labels that provisioning put on them after probing."""
        return Capabilities(
            ipvs=all(node.labels.get("beeyard.ipvs") != "false" for node in self.nodes)
        )

    def stack(self, name: str) -> tuple[Service, ...]:
        """The services of one stack."""
        return tuple(service for service in self.services if service.stack == name)
