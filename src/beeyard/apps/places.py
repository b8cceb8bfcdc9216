"""Which nodes may get a service's tasks, and which services fill every place that they have."""

from collections.abc import Mapping
from typing import Any

from beeyard.apps.stack import Stack
from beeyard.config.interpolation import interpolate
from beeyard.swarm import Snapshot
from beeyard.swarm.placement import allows


def takers(
    entry: Mapping[str, Any], environment: Mapping[str, str], snapshot: Snapshot
) -> list[str]:
    """The nodes that may get a task of a service's entry now. Raises ValueError for what is no
    constraint."""
    placement = (entry.get("deploy") or {}).get("placement") or {}
    constraints = [interpolate(str(one), environment) for one in placement.get("constraints") or ()]
    return [
        node.name
        for node in snapshot.nodes
        if node.state == "ready"
        and node.availability == "active"
        and allows(constraints, node.described)
    ]


def without_place(
    stack: Stack, application: str, environment: Mapping[str, str], snapshot: Snapshot
) -> frozenset[str]:
    """The services of which, by `max_replicas_per_node`, no node may take a task more than the
    replicas that there are to be: an update can't start the new task first. Pure."""
    running = {service.name: service.wanted for service in snapshot.stack(application)}
    return frozenset(
        name
        for name, entry in stack.services.items()
        if _is_full(entry, running.get(f"{application}_{name}", 0), environment, snapshot)
    )


def _is_full(
    entry: Mapping[str, Any], running: int, environment: Mapping[str, str], snapshot: Snapshot
) -> bool:
    deploy = entry.get("deploy") or {}
    placement = deploy.get("placement") or {}
    most = _number(placement.get("max_replicas_per_node"), environment)
    if not most:
        return False
    try:
        places = len(takers(entry, environment, snapshot)) * most
    except ValueError:
        # What is no constraint is refused where images are spread, with its place.
        return False
    wanted = _number(deploy.get("replicas", 1), environment)
    return max(wanted, running) >= places


def _number(value: object, environment: Mapping[str, str]) -> int:
    """A whole number that the file says; 0 where it says none, or what Docker will refuse."""
    text = "" if value is None else interpolate(str(value), environment).strip()
    return int(text) if text.isdigit() else 0
