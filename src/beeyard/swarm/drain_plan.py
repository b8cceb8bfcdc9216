"""What draining a node takes: which services move before anything stops, and which can't."""

from collections.abc import Iterator
from dataclasses import dataclass

from beeyard.errors import SwarmError
from beeyard.swarm.exclusion import DRAINING, KEPT_OFF, kept_off_now
from beeyard.swarm.model import Node, Service, Snapshot, Task
from beeyard.swarm.placement import allows

_UNFINISHED = frozenset({"updating", "paused", "rollback_started", "rollback_paused"})


@dataclass(frozen=True)
class Stop:
    """A service whose tasks on the node stop before others run, and why."""

    service: str
    why: str


@dataclass(frozen=True)
class DrainPlan:
    """How a node is drained.

    moves      services whose tasks there are replaced elsewhere before they stop
    stops      services that go with Swarm's own drain
    left       services that an earlier drain, cut short, left kept off the node
    obstacles  why it can't be drained, in words; nothing is done then
    """

    node: Node
    moves: tuple[str, ...]
    stops: tuple[Stop, ...]
    left: tuple[str, ...]
    obstacles: tuple[str, ...]

    def lines(self) -> list[str]:
        """The plan for people, one sentence each."""
        return [
            *(f"{service}: replaced elsewhere, then stopped" for service in self.moves),
            *(f"{stop.service}: stopped first ({stop.why})" for stop in self.stops),
            *(
                f"{service}: allowed there again (left by an earlier drain)"
                for service in self.left
            ),
            *(f"can't be drained: {obstacle}" for obstacle in self.obstacles),
        ]


def plan_drain(snapshot: Snapshot, name: str) -> DrainPlan:
    """Plan the draining of a node, named by name or ID. Pure.

    Raises SwarmError if there is no such node.
    """
    node = find_node(snapshot, name)
    there = [service for service in snapshot.services if live_tasks(service, node.name)]
    stops = tuple(Stop(one.name, why) for one in there if (why := why_it_stops(one)))
    stopped = {stop.service for stop in stops}
    return DrainPlan(
        node=node,
        moves=tuple(one.name for one in there if one.name not in stopped),
        stops=stops,
        left=kept_off_now(snapshot, node.id),
        obstacles=tuple(_obstacles(snapshot, node, there)),
    )


def find_node(snapshot: Snapshot, name: str, *, gone: bool = False) -> Node:
    """The node of that name or ID. A node that was made again leaves one behind that is down: of
    two with one name, `gone` prefers that one. Raises SwarmError if there is none."""
    found = [node for node in snapshot.nodes if name in {node.name, node.id}]
    if not found:
        raise SwarmError(
            f"there is no node {name}",
            fix=f"name one of {', '.join(node.name for node in snapshot.nodes)}",
        )
    preferred = [node for node in found if (node.state != "ready") is gone]
    return (preferred or found)[0]


def live_tasks(service: Service, node: str) -> tuple[Task, ...]:
    """The service's tasks on that node that are to run, whether or not they do already."""
    return tuple(
        task
        for task in service.tasks
        if task.node == node and task.desired in ("running", "ready") and not task.ended
    )


def not_ended(snapshot: Snapshot, node: str) -> list[str]:
    """The names of tasks on that node of which anything may still run."""
    return [
        task.name
        for service in snapshot.services
        for task in service.tasks
        if task.node == node and not task.ended
    ]


def why_it_stops(service: Service) -> str:
    """Why a service's task can't be replaced before it is stopped; empty if it can."""
    if service.mode == "global":
        return "it runs once on every node"
    if _runs_once(service):
        return "it would begin anew elsewhere"
    if any(port.mode == "host" for port in service.ports):
        return "it publishes ports of its node"
    if service.update_order == "stop-first" and KEPT_OFF not in service.labels:
        return "its update order is stop-first"
    return ""


def unfinished(service: Service) -> str:
    """Why a service is not to be touched now; empty if it may be. A service of a drain that was cut
    short may always."""
    if KEPT_OFF in service.labels:
        return ""
    if service.update and service.update.state in _UNFINISHED:
        return f"{service.name} is in the middle of an update ({service.update.state})"
    if len(service.running) != service.wanted:
        return f"{service.name} runs {len(service.running)} of {service.wanted} replicas already"
    return ""


def takers(snapshot: Snapshot, service: Service) -> tuple[Node, ...]:
    """The nodes that take the service's tasks now, as far as its constraints go."""
    return tuple(
        node
        for node in snapshot.nodes
        if node.state == "ready"
        and node.availability == "active"
        and allows(service.constraints, node.described)
    )


def _obstacles(snapshot: Snapshot, node: Node, there: list[Service]) -> Iterator[str]:
    for other in snapshot.nodes:
        if other != node and DRAINING in other.labels:
            yield f"{other.name} is being drained"
    for service in there:
        if _runs_once(service):
            yield f"{service.name} runs there to its end, and would begin anew elsewhere"
        if _runs_once(service) or service.mode == "global":
            continue
        if why := unfinished(service):
            yield why
        if not _others(snapshot, service, node):
            yield f"no other node that is ready takes {service.name}{_its_placement(service)}"


def _runs_once(service: Service) -> bool:
    """Whether its tasks are commands rather than servers: done halfway, they must not be moved."""
    return service.mode.endswith("-job") or service.restart == "none"


def _others(snapshot: Snapshot, service: Service, node: Node) -> list[Node]:
    """Where else the service's tasks may go; a port of a node can be had once."""
    wanted = _host_ports(service)
    return [
        other
        for other in takers(snapshot, service)
        if other != node
        and not any(
            wanted & _host_ports(one) and live_tasks(one, other.name) for one in snapshot.services
        )
    ]


def _host_ports(service: Service) -> set[tuple[int | None, str]]:
    return {(port.published, port.protocol) for port in service.ports if port.mode == "host"}


def _its_placement(service: Service) -> str:
    """What narrows the choice, in words."""
    own = [f"`{text}`" for text in service.constraints]
    ports = [f"port {port}" for port, _ in sorted(_host_ports(service), key=str)]
    return f" ({', '.join(own + ports)})" if own or ports else ""
