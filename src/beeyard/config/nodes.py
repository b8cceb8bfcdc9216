"""Which nodes a cluster has, and where each of them is."""

from dataclasses import dataclass
from typing import Literal

from beeyard.config.model import ClusterSpec


@dataclass(frozen=True)
class NodePlan:
    """One node to be: its role, availability zone and EC2 instance type."""

    role: Literal["manager", "worker"]
    zone: str
    type: str


def nodes(spec: ClusterSpec) -> dict[str, NodePlan]:
    """The nodes by name, managers first.

    The number in the name decides the zone, so that adding or removing a node moves no other.
    """
    managers = {
        f"manager-{number}": NodePlan("manager", _zone(spec, number), spec.managers.type)
        for number in range(1, spec.managers.count + 1)
    }
    workers = {
        f"worker-{number}": NodePlan("worker", _zone(spec, number), spec.workers.type)
        for number in range(1, spec.workers.count + 1)
    }
    return managers | workers


def _zone(spec: ClusterSpec, number: int) -> str:
    return spec.zones[(number - 1) % len(spec.zones)]
