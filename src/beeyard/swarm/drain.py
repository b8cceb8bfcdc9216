"""A node drained with its replacements running first.

Swarm's own drain stops tasks before it starts others (moby#34139). So the node takes no new ones
(availability pause), its services are kept off it (`exclusion`), and only when they run elsewhere
it is drained for good.
"""

from collections.abc import Callable
from dataclasses import dataclass

from beeyard.errors import SwarmError
from beeyard.swarm.convergence import Patience
from beeyard.swarm.drain_plan import (
    DrainPlan,
    Stop,
    find_node,
    live_tasks,
    not_ended,
    plan_drain,
)
from beeyard.swarm.exclusion import Leaving, close, keep_off, reopen
from beeyard.swarm.failure import Progress
from beeyard.swarm.manager import Manager
from beeyard.swarm.model import Node, Snapshot
from beeyard.swarm.services import change_node
from beeyard.swarm.waiter import MOVING, Waiter
from beeyard.waiting import Clock, SystemClock


@dataclass(frozen=True)
class Gap:
    """A service that stopped before others ran. `seconds`: from the order to drain until the last
    replacement ran (its old task may have served for a part of it); None without a replacement."""

    service: str
    why: str
    seconds: float | None


@dataclass(frozen=True)
class Drained:
    """What draining a node did."""

    node: str
    moved: tuple[str, ...]
    stopped: tuple[Gap, ...]


def drain(
    manager: Manager,
    name: str,
    *,
    patience: Patience = MOVING,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Drained:
    """Drain a node, named by name or ID; also one whose draining was cut short.

    Raises SwarmError if it can't be drained, with everything as it was before.
    """
    waiter = Waiter(manager, patience, clock or SystemClock(), progress)
    plan = plan_drain(manager.snapshot(), name)
    if plan.obstacles:
        raise SwarmError(
            f"{plan.node.name} can't be drained",
            why="\n".join(plan.obstacles),
            fix="mend that, or make room elsewhere; then run the command again",
        )
    close(manager, plan.node.id)
    try:
        _move(waiter, plan)
        stopped = _stop(waiter, plan)
    except SwarmError as error:
        _take_back(waiter, plan.node, error)
        raise
    reopen(waiter, plan.node.id, "drain")
    return Drained(plan.node.name, plan.moves, stopped)


def activate(
    manager: Manager,
    name: str,
    *,
    patience: Patience = MOVING,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> str:
    """Let a node take tasks again, and remove what a drain that was cut short left; give its name.

    Raises SwarmError if there is no such node, or its services don't run.
    """
    node = find_node(manager.snapshot(), name)
    reopen(Waiter(manager, patience, clock or SystemClock(), progress), node.id, "active")
    return node.name


def _move(waiter: Waiter, plan: DrainPlan) -> None:
    for service in plan.moves:
        keep_off(waiter.manager, service, plan.node.id)
    waiter.converged(plan.moves, Leaving(waiter.manager, plan.node.name))


def _stop(waiter: Waiter, plan: DrainPlan) -> tuple[Gap, ...]:
    node = plan.node
    before = waiter.manager.snapshot()
    change_node(waiter.manager, node.id, lambda spec: {**spec, "Availability": "drain"})
    again = [stop.service for stop in plan.stops if _has_slots(before, stop.service)]
    after = waiter.converged(again, Leaving(waiter.manager, node.name))
    waiter.until_nothing(
        lambda seen: ", ".join(_tasks_on(seen, node)),
        f"tasks still run on {node.name}",
        "see what these tasks wait for: `stop_grace_period` may be longer than that",
    )
    return tuple(_gap(stop, node.name, before, after) for stop in plan.stops)


def _tasks_on(snapshot: Snapshot, node: Node) -> list[str]:
    """What still runs there. A node that is down does not say."""
    is_up = find_node(snapshot, node.id).state == "ready"
    return not_ended(snapshot, node.name) if is_up else []


def _take_back(waiter: Waiter, node: Node, why: SwarmError) -> None:
    """Everything as it was; if that fails as well, both are said."""
    try:
        reopen(waiter, node.id)
    except SwarmError as error:
        why.why = f"{why.why}\nnot all of it could be undone: {error.what}: {error.why}"
        why.fix = f"mend that, then `beeyard node activate {node.name}` puts it back"


def _has_slots(snapshot: Snapshot, name: str) -> bool:
    return any(one.name == name and one.mode == "replicated" for one in snapshot.services)


def _gap(stop: Stop, node: str, before: Snapshot, after: Snapshot) -> Gap:
    """From task timestamps: a replacement has its predecessor's name, unless it is global."""
    old, new = (
        next(one for one in seen.services if one.name == stop.service) for seen in (before, after)
    )
    names = {task.name for task in live_tasks(old, node)}
    gaps = [
        (task.since - before.taken_at).total_seconds()
        for task in new.tasks
        if task.runs and task.name in names and task.node != node
    ]
    return Gap(stop.service, stop.why, max(gaps) if gaps else None)
