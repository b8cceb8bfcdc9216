"""Reads the Swarm through the Engine API into a `Snapshot`."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from docker import DockerClient

from beeyard.swarm.model import (
    LAST,
    Mode,
    Network,
    Node,
    Port,
    Resources,
    Service,
    Snapshot,
    Task,
    Update,
)
from beeyard.swarm.placement import allows

Json = Mapping[str, Any]

_MODES: dict[str, Mode] = {
    "Replicated": "replicated",
    "Global": "global",
    "ReplicatedJob": "replicated-job",
    "GlobalJob": "global-job",
}


def snapshot(client: DockerClient) -> Snapshot:
    """What the Swarm is, asked of the manager that `client` talks to.

    Raises docker's and requests' own errors; `Manager.snapshot` says them in words.
    """
    # The SDK's type stubs leave some of its calls untyped.
    api = cast(Any, client.api)
    taken_at = _time(api.info()["SystemTime"])
    nodes = sorted(api.nodes(), key=lambda node: _natural(node["Description"]["Hostname"]))
    networks = {network["Id"]: network for network in api.networks(filters={"scope": "swarm"})}
    tasks: dict[str, list[Json]] = {}
    for task in api.tasks():
        tasks.setdefault(task["ServiceID"], []).append(task)
    services = [
        _service(service, tasks.get(service["ID"], []), nodes, networks)
        for service in api.services()
    ]
    return Snapshot(
        taken_at=taken_at,
        nodes=tuple(_node(node) for node in nodes),
        services=tuple(sorted(services, key=lambda service: _natural(service.name))),
        networks=tuple(
            sorted(
                (_network(network) for network in networks.values()),
                key=lambda net: net.name,
            )
        ),
        configs=_names(api.configs()),
        secrets=_names(api.secrets()),
    )


def _node(raw: Json) -> Node:
    spec, description, status = raw["Spec"], raw["Description"], raw["Status"]
    manager = raw.get("ManagerStatus") or {}
    resources = description["Resources"]
    return Node(
        id=raw["ID"],
        name=description["Hostname"],
        role=spec["Role"],
        state=status["State"],
        availability=spec["Availability"],
        # A manager's status may name it 0.0.0.0 where it looks at itself.
        address=manager["Addr"].rpartition(":")[0] if manager.get("Addr") else status["Addr"],
        leader=bool(manager.get("Leader")),
        engine_version=description["Engine"]["EngineVersion"],
        architecture=description["Platform"]["Architecture"],
        resources=Resources(resources["NanoCPUs"] / 1e9, resources["MemoryBytes"]),
        labels=_labels(spec),
        reachability=manager.get("Reachability"),
    )


def _service(
    raw: Json,
    tasks: Collection[Json],
    nodes: Sequence[Json],
    networks: Mapping[str, Json],
) -> Service:
    spec = raw["Spec"]
    template = spec["TaskTemplate"]
    container = template.get("ContainerSpec", {})
    mode, wanted = _mode(spec, nodes, tasks)
    endpoint = raw.get("Endpoint", {}).get("Spec") or spec.get("EndpointSpec") or {}
    update = raw.get("UpdateStatus") or {}
    return Service(
        id=raw["ID"],
        name=spec["Name"],
        stack=(spec.get("Labels") or {}).get("com.docker.stack.namespace"),
        image=container.get("Image", ""),
        mode=mode,
        wanted=wanted,
        tasks=_tasks(raw, tasks, nodes),
        update=Update(update["State"], update.get("Message", "")) if update.get("State") else None,
        endpoint_mode=endpoint.get("Mode", "vip"),
        ports=tuple(_port(port) for port in endpoint.get("Ports") or ()),
        networks=tuple(
            sorted(_network_name(network["Target"], networks) for network in _attached(spec))
        ),
        healthcheck=bool((container.get("Healthcheck") or {}).get("Test")),
        constraints=_constraints(template),
        labels=_labels(spec),
        version=raw["Version"]["Index"],
        definition=_definition(spec),
        update_order=(spec.get("UpdateConfig") or {}).get("Order"),
        spread=tuple(
            preference["Spread"]["SpreadDescriptor"]
            for preference in (template.get("Placement") or {}).get("Preferences") or ()
        ),
        restart=(template.get("RestartPolicy") or {}).get("Condition") or "any",
    )


def _mode(spec: Json, nodes: Sequence[Json], tasks: Collection[Json]) -> tuple[Mode, int]:
    key, settings = next(iter(spec["Mode"].items()))
    if key == "Replicated":
        return "replicated", settings.get("Replicas", 1)
    if key == "ReplicatedJob":
        return "replicated-job", settings.get("TotalCompletions", settings.get("MaxConcurrent", 1))
    there = {task.get("NodeID") for task in tasks if task["Status"]["State"] == "running"}
    return _MODES[key], sum(_has_global(node, spec["TaskTemplate"], there) for node in nodes)


def _has_global(node: Json, template: Json, there: Collection[Any]) -> bool:
    """Whether a node has a task of a global service: a paused one keeps what it had."""
    availability = node["Spec"]["Availability"]
    return (
        node["Status"]["State"] == "ready"
        and (availability == "active" or (availability == "pause" and node["ID"] in there))
        and allows(_constraints(template), node)
    )


def _tasks(service: Json, tasks: Iterable[Json], nodes: Sequence[Json]) -> tuple[Task, ...]:
    names = {node["ID"]: str(node["Description"]["Hostname"]) for node in nodes}
    template = _comparable(service["Spec"]["TaskTemplate"])
    made = [_task(task, service["Spec"]["Name"], names, template) for task in tasks]
    return tuple(sorted(made, key=lambda task: (_natural(task.name), task.since, task.id)))


def _task(raw: Json, service: str, nodes: Mapping[str, str], template: Json) -> Task:
    status = raw["Status"]
    node = nodes.get(raw.get("NodeID", ""))
    return Task(
        id=raw["ID"],
        name=f"{service}.{raw.get('Slot') or node or raw['ID']}",
        node=node,
        state=status["State"],
        desired=raw["DesiredState"],
        message=status.get("Message", ""),
        error=status.get("Err") or None,
        exit_code=_exit_code(status),
        since=_time(status["Timestamp"]),
        current=_comparable(raw["Spec"]) == template,
    )


def _exit_code(status: Json) -> int | None:
    """The engine tells one of what still runs, too, which means nothing (moby/moby issue 37577)."""
    container = status.get("ContainerStatus") or {}
    return container.get("ExitCode") if status["State"] in LAST else None


def _comparable(template: Json) -> Json:
    """What makes tasks differ. Swarmkit keeps a task whose node still satisfies a new placement."""
    return {key: value for key, value in template.items() if key not in ("Placement", "Runtime")}


def _definition(spec: Json) -> str:
    """A hash of all that makes the service what it is.

    Not of the platforms, which the Docker CLI writes only when it asks a registry, nor of what is
    changed in passing: how many replicas there are, and how often tasks were moved.
    """
    template = spec["TaskTemplate"]
    placement = {k: v for k, v in (template.get("Placement") or {}).items() if k != "Platforms"}
    task = {k: v for k, v in template.items() if k != "ForceUpdate"} | {"Placement": placement}
    mode = {} if "Replicated" in spec["Mode"] else spec["Mode"]
    plain = {**spec, "TaskTemplate": task, "Mode": mode}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


def _attached(spec: Json) -> Iterable[Json]:
    return cast(
        Iterable[Json],
        spec["TaskTemplate"].get("Networks") or spec.get("Networks") or (),
    )


def _constraints(template: Json) -> tuple[str, ...]:
    return tuple((template.get("Placement") or {}).get("Constraints") or ())


def _network_name(target: str, networks: Mapping[str, Json]) -> str:
    return str(networks[target]["Name"]) if target in networks else target


def _network(raw: Json) -> Network:
    return Network(raw["Name"], raw["Driver"], _labels(raw))


def _port(raw: Json) -> Port:
    return Port(
        target=raw["TargetPort"],
        published=raw.get("PublishedPort"),
        protocol=raw.get("Protocol", "tcp"),
        mode=raw.get("PublishMode", "ingress"),
    )


def _labels(raw: Json) -> Mapping[str, str]:
    return dict(sorted((raw.get("Labels") or {}).items()))


def _names(raws: Iterable[Json]) -> tuple[str, ...]:
    return tuple(sorted(raw["Spec"]["Name"] for raw in raws))


def _natural(name: str) -> list[tuple[str, int]]:
    """Sorts worker-2 before worker-10."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", name)]


def _time(text: str) -> datetime:
    """Go's RFC 3339 has nanoseconds, Python's microseconds."""
    whole, fraction, zone = re.fullmatch(r"(.*?)(\.\d+)?(Z|[+-]\d\d:\d\d)", text).groups()  # type: ignore[union-attr]
    return datetime.fromisoformat(
        f"{whole}{(fraction or '.0')[:7]}{'+00:00' if zone == 'Z' else zone}"
    ).astimezone(UTC)
