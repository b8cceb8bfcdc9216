"""`scale`: an application's services, with other numbers of replicas than its stack file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beeyard.apps import Stack, load_stack
from beeyard.config.check import given, single_writers
from beeyard.config.interpolation import interpolate
from beeyard.errors import AppError
from beeyard.swarm import Manager
from beeyard.swarm.calm import require_not_rebalanced
from beeyard.swarm.scale import scale
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.kept import keep_signed_in
from beeyard.workflows.nodes import telling


@dataclass(frozen=True)
class Scaled:
    """A service, and how many replicas it had and has."""

    service: str
    before: int
    after: int


def scale_application(
    cluster: Cluster, manager: Manager, name: str, wanted: Mapping[str, int]
) -> tuple[Scaled, ...]:
    """Give services of an application so many replicas, and wait until they run.

    Raises AppError, before anything is changed, for what the stack file does not allow: it has the
    floor, and says which services have replicas at all. Raises SwarmError if they don't run.
    """
    stack = load_stack(cluster.spec.applications[name].stack_file(cluster.base))
    environment = given(cluster.spec, name)
    for service, replicas in wanted.items():
        require_allowed(stack, service, replicas, environment)
    _require_one_writer(cluster, name, wanted)
    require_not_rebalanced(manager.snapshot(), name)
    keep_signed_in(cluster, manager)
    with cluster.progress.phase(f"scale {name}") as phase:
        had = {service.name: service.wanted for service in manager.snapshot().stack(name)}
        numbers = {f"{name}_{service}": replicas for service, replicas in wanted.items()}
        scale(manager, numbers, clock=cluster.clock, progress=telling(phase))
        done = tuple(
            Scaled(service, had[f"{name}_{service}"], replicas)
            for service, replicas in wanted.items()
        )
        phase.result = ", ".join(f"{one.service} {one.before} → {one.after}" for one in done)
    return done


def _require_one_writer(cluster: Cluster, name: str, wanted: Mapping[str, int]) -> None:
    for service in single_writers(cluster.spec, cluster.base, name):
        if wanted.get(service, 0) > 1:
            raise AppError(
                f"{service} can't have {wanted[service]} replicas",
                why="it keeps its data in SQLite: replicas would not see each other's data",
                fix="give it a database server first (`database: true`)",
            )


def require_allowed(
    stack: Stack, service: str, replicas: int, environment: Mapping[str, str]
) -> None:
    """Raise AppError if the stack file does not let a service have that many replicas."""
    entry = stack.services.get(service)
    if entry is None:
        raise AppError(
            f"there is no service {service}",
            where=str(stack.path),
            fix=f"name one of {', '.join(stack.services)}",
        )
    deploy = entry.get("deploy") or {}
    mode = _filled(deploy.get("mode"), environment) or "replicated"
    if mode != "replicated":
        raise AppError(
            f"{service} can't be scaled",
            where=str(stack.path),
            why=f"its mode is {mode}: it has no number of replicas",
        )
    floor = _floor(stack, service, deploy, environment)
    if replicas < floor:
        raise AppError(
            f"{service} can't have fewer than {floor} replicas",
            where=str(stack.path),
            why=f"its `deploy.replicas` is {floor}, and a deploy would bring them back",
            fix=f"make that number smaller and deploy, or scale it to {floor} or more",
        )


def _floor(
    stack: Stack, service: str, deploy: Mapping[str, Any], environment: Mapping[str, str]
) -> int:
    """The replicas that the file asks for; 1 where it is silent, as Docker has it."""
    text = _filled(deploy.get("replicas"), environment) or "1"
    try:
        return int(text)
    except ValueError as error:
        raise AppError(
            f"`deploy.replicas` of {service} is no number: `{text}`", where=str(stack.path)
        ) from error


def _filled(value: Any, environment: Mapping[str, str]) -> str:
    return "" if value is None else interpolate(str(value), environment).strip()
