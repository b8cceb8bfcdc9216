"""Swarms of a few words, for what is planned."""

from datetime import UTC, datetime
from typing import Any

from beeyard.swarm import Node, Resources, Service, Snapshot, Task

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)


def node(name: str, **changes: Any) -> Node:
    is_manager = name.startswith("manager")
    fields: dict[str, Any] = {
        "id": f"id-{name}",
        "name": name,
        "role": "manager" if is_manager else "worker",
        "state": "ready",
        "availability": "active",
        "address": "10.20.1.11",
        "leader": False,
        "engine_version": "28.0.0",
        "architecture": "x86_64",
        "resources": Resources(2.0, 4 << 30),
        "labels": {},
        "reachability": "reachable" if is_manager else None,
    }
    return Node(**(fields | changes))


def service(name: str, *nodes: str, **changes: Any) -> Service:
    """A service with a running task on each of `nodes`."""
    tasks = tuple(
        Task(
            f"{name}-{slot}",
            f"{name}.{slot}",
            on,
            "running",
            "running",
            "",
            None,
            None,
            NOW,
            current=True,
        )
        for slot, on in enumerate(nodes, 1)
    )
    fields: dict[str, Any] = {
        "id": f"id-{name}",
        "name": name,
        "stack": None,
        "image": "web:1",
        "mode": "replicated",
        "wanted": len(nodes),
        "tasks": tasks,
        "update": None,
        "endpoint_mode": "vip",
        "ports": (),
        "networks": (),
        "healthcheck": False,
        "constraints": (),
        "labels": {},
        "version": 7,
        "definition": "abc",
        "update_order": "start-first",
    }
    return Service(**(fields | changes))


def swarm(*services: Service, nodes: tuple[Node, ...] = ()) -> Snapshot:
    three = tuple(node(name) for name in ("manager-1", "worker-1", "worker-2"))
    return Snapshot(NOW, nodes or three, services, (), (), ())
