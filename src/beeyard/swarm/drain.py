"""A node drained with its replacements running first.

Swarm's own drain stops tasks before it starts others (moby#34139). So the node takes no new ones
(availability pause), its services are kept off it (`exclusion`), and only when they run elsewhere
it is drained for good.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from beeyard.errors import SwarmError
from beeyard.swarm.convergence import Patience, await_converged
from beeyard.swarm.drain_plan import (
    DRAINING,
    DrainPlan,
    Stop,
    find_node,
    has_ended,
    live_tasks,
    plan_drain,
)
from beeyard.swarm.exclusion import Leaving, Wait, keep_off, kept_off_now, let_on
from beeyard.swarm.failure import Observer, Progress
from beeyard.swarm.manager import Manager
from beeyard.swarm.model import Node, Snapshot
from beeyard.swarm.services import Change, Spec, change_node, label, with_labels
from beeyard.waiting import Clock, SystemClock, Timeout, wait_until

#: For tasks that only change their node: one that no node takes is not waited for.
MOVING = Patience(homeless=20.0)

_POLL = 0.5


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
    clock = clock or SystemClock()
    plan = plan_drain(manager.snapshot(), name)
    if plan.obstacles:
        raise SwarmError(
            f"{plan.node.name} can't be drained",
            why="\n".join(plan.obstacles),
            fix="mend that, or make room elsewhere; then run the command again",
        )
    wait = partial(await_converged, patience=patience, clock=clock, progress=progress)
    change_node(manager, plan.node.id, _closed)
    try:
        _move(manager, plan, wait)
        stopped = _stop(manager, plan, wait, patience, clock)
    except SwarmError as error:
        _take_back(manager, plan.node, error, partial(wait, manager))
        raise
    _tidy(manager, plan.node, partial(wait, manager))
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
    change_node(manager, node.id, _available("active"))
    wait = partial(await_converged, patience=patience, clock=clock, progress=progress)
    _tidy(manager, node, partial(wait, manager))
    return node.name


def _move(manager: Manager, plan: DrainPlan, wait: Callable[..., Snapshot]) -> None:
    for service in plan.moves:
        keep_off(manager, service, plan.node.id)
    wait(Leaving(manager, plan.node.name), plan.moves)


def _stop(
    manager: Manager,
    plan: DrainPlan,
    wait: Callable[[Observer, Collection[str]], Snapshot],
    patience: Patience,
    clock: Clock,
) -> tuple[Gap, ...]:
    before = manager.snapshot()
    change_node(manager, plan.node.id, _available("drain"))
    elsewhere = [stop.service for stop in plan.stops if _has_slots(before, stop.service)]
    after = wait(Leaving(manager, plan.node.name), elsewhere)
    _await_empty(manager, plan.node, patience.deadline, clock)
    return tuple(_gap(stop, plan.node.name, before, after) for stop in plan.stops)


def _await_empty(manager: Manager, node: Node, deadline: float, clock: Clock) -> None:
    """Wait until nothing runs there. A node that is down does not say."""
    running: list[str] = []

    def empty() -> bool:
        nonlocal running
        running = _tasks_on(manager.snapshot(), node)
        return not running

    try:
        wait_until(empty, clock=clock, deadline=deadline, interval=_POLL)
    except Timeout as error:
        raise SwarmError(
            f"{node.name} still runs tasks after {deadline:g} s",
            why=f"they were told to stop: {', '.join(running)}",
            fix="see what they wait for: `stop_grace_period` may be longer than that",
        ) from error


def _tasks_on(snapshot: Snapshot, node: Node) -> list[str]:
    found = find_node(snapshot, node.id)
    if found.state != "ready":
        return []
    return [
        task.name
        for service in snapshot.services
        for task in service.tasks
        if task.node == node.name and not has_ended(task)
    ]


def _take_back(manager: Manager, node: Node, why: SwarmError, wait: Wait) -> None:
    """Everything as it was; if that fails as well, both are said."""
    try:
        change_node(manager, node.id, _reopened)
        _tidy(manager, node, wait)
    except SwarmError as error:
        why.why = f"{why.why}\nnot all of it could be undone: {error.what}: {error.why}"
        why.fix = f"mend that, then `beeyard node activate {node.name}` puts it back"


def _tidy(manager: Manager, node: Node, wait: Wait) -> None:
    """Remove what draining needed; the node's own label last, for it says that there is more."""
    kept = kept_off_now(manager.snapshot(), node.id)
    if kept:
        let_on(manager, kept, wait)
    change_node(manager, node.id, lambda spec: with_labels(spec, {DRAINING: None}))


def _closed(spec: Spec) -> Spec:
    """No new tasks; what it was before is remembered. What was drained already stays so."""
    before = label(spec, DRAINING) or spec["Availability"]
    now = "drain" if spec["Availability"] == "drain" else "pause"
    return with_labels({**spec, "Availability": now}, {DRAINING: before})


def _reopened(spec: Spec) -> Spec:
    return {**spec, "Availability": label(spec, DRAINING) or "active"}


def _available(availability: str) -> Change:
    return lambda spec: {**spec, "Availability": availability}


def _has_slots(snapshot: Snapshot, name: str) -> bool:
    return any(one.name == name and one.mode == "replicated" for one in snapshot.services)


def _gap(stop: Stop, node: str, before: Snapshot, after: Snapshot) -> Gap:
    """From task timestamps: a replacement has its predecessor's name, unless it is global."""
    old, new = (
        next(one for one in seen.services if one.name == stop.service) for seen in (before, after)
    )
    names = {task.name for task in live_tasks(old, node)}
    since: list[datetime] = [
        task.since for task in new.tasks if task.runs and task.name in names and task.node != node
    ]
    seconds = (
        max((since_then - before.taken_at).total_seconds() for since_then in since)
        if since
        else None
    )
    return Gap(stop.service, stop.why, seconds)
