"""Services scaled, and waited for. Swarm itself stops what is too much, as gently as it ever does:
out of the load balancer first, then SIGTERM, then the grace period."""

from collections.abc import Callable, Mapping
from functools import partial

from beeyard.errors import SwarmError
from beeyard.swarm.convergence import Patience, await_converged
from beeyard.swarm.failure import Progress
from beeyard.swarm.manager import Manager
from beeyard.swarm.model import Snapshot
from beeyard.swarm.services import change_service, scaled
from beeyard.swarm.waiter import MOVING
from beeyard.waiting import Clock


def scale(
    manager: Manager,
    replicas: Mapping[str, int],
    *,
    patience: Patience = MOVING,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Snapshot:
    """Give services, by name, that many replicas; give the observation that showed them running.

    Raises SwarmError, before anything is changed, for services that aren't there or can't be
    scaled; and if they don't converge: what was asked for then stays asked for.
    """
    snapshot = manager.snapshot()
    for name in replicas:
        _require_scalable(snapshot, name)
    for name, count in replicas.items():
        change_service(manager, name, partial(scaled, replicas=count))
    return await_converged(
        manager, list(replicas), patience=patience, clock=clock, progress=progress
    )


def _require_scalable(snapshot: Snapshot, name: str) -> None:
    service = next((one for one in snapshot.services if one.name == name), None)
    if service is None:
        raise SwarmError(f"there is no service {name}", fix="deploy its application first")
    if service.mode != "replicated":
        raise SwarmError(
            f"{name} can't be scaled",
            why=f"its mode is {service.mode}: it has no number of replicas",
            fix="make it `deploy: {mode: replicated}` in the stack file, if it should have one",
        )
