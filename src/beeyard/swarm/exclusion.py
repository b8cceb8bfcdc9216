"""Keeping services off a node, without a gap, for as long as it takes.

A constraint makes Swarm replace the tasks on that node, and only those; with the order start-first
each of them is stopped when its successor runs. Swarmkit keeps tasks whose node satisfies a new
placement, so that nothing moves when the constraint goes (`manager/orchestrator/task.go`,
IsTaskDirty). Meanwhile the node is paused: on one that is active, Swarm stops what the constraint
forbids at once (`constraintenforcer/constraint_enforcer.go`).

What was changed stands in labels: whoever comes after a process that was killed knows what to put
back.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass, replace

from beeyard.swarm.manager import Manager
from beeyard.swarm.model import Service, Snapshot
from beeyard.swarm.services import (
    Spec,
    change_node,
    change_service,
    label,
    start_first,
    with_constraint,
    with_labels,
    without_constraint,
)
from beeyard.swarm.waiter import Waiter

#: On a node: the availability that it had before services were to leave it.
DRAINING = "beeyard.draining"
#: On a service: the ID of the node that it is kept off.
KEPT_OFF = "beeyard.kept-off"
#: On such a service: what its definition said of updates, as JSON.
OWN_UPDATE = "beeyard.kept-off.update"

_STARTING = frozenset({"assigned", "accepted", "preparing", "ready", "starting"})


@dataclass(frozen=True)
class Leaving:
    """The Swarm as seen by who wants a node empty: tasks there don't count."""

    manager: Manager
    node: str

    def snapshot(self) -> Snapshot:
        seen = self.manager.snapshot()
        return replace(seen, services=tuple(self._without(service) for service in seen.services))

    def task_log(self, task_id: str, lines: int = 12) -> list[str]:
        return self.manager.task_log(task_id, lines)

    def tidy(self, service: str) -> None:
        self.manager.tidy(service)

    def _without(self, service: Service) -> Service:
        return replace(
            service,
            tasks=tuple(
                replace(task, current=task.current and task.node != self.node)
                for task in service.tasks
            ),
        )


def close(manager: Manager, node_id: str) -> None:
    """The node takes no new tasks; what it was before is remembered. A drained one stays so."""
    change_node(manager, node_id, closed)


def keep_off(manager: Manager, service: str, node_id: str) -> None:
    """Have the service's tasks on a closed node replaced elsewhere; returns at once."""
    change_service(manager, service, lambda spec: kept_off(spec, node_id))


def reopen(waiter: Waiter, node_id: str, availability: str | None = None) -> None:
    """Let services on again, then make the node's availability what is wanted (None: what it was).

    Does nothing to what was not closed or kept off. Raises SwarmError if services don't run.
    """
    let_on(waiter, kept_off_now(waiter.manager.snapshot(), node_id))
    change_node(waiter.manager, node_id, lambda spec: reopened(spec, availability))


def let_on(waiter: Waiter, services: Collection[str]) -> None:
    """Undo `keep_off` for services, so that nothing is lost by that."""
    if not services:
        return
    waiter.until_nothing(
        lambda seen: _replacement_on_its_way(seen, services),
        "replacements are still on their way",
        "when these tasks have started or failed, run the command again",
    )
    for service in services:
        change_service(waiter.manager, service, allowed_again)
    try:
        # The order stays until then: a task that is replaced after all is replaced without a gap.
        waiter.converged(services)
    finally:
        for service in services:
            change_service(waiter.manager, service, as_before)


def closed(spec: Spec) -> Spec:
    """The node, closed."""
    before = label(spec, DRAINING) or spec["Availability"]
    now = "drain" if spec["Availability"] == "drain" else "pause"
    return with_labels({**spec, "Availability": now}, {DRAINING: before})


def reopened(spec: Spec, availability: str | None = None) -> Spec:
    """The node with that availability, or the one it had, and no memory of ours."""
    now = availability or label(spec, DRAINING) or spec["Availability"]
    return with_labels({**spec, "Availability": now}, {DRAINING: None})


def kept_off(spec: Spec, node_id: str) -> Spec:
    """The service, not on that node, with its own way of updating remembered."""
    own = label(spec, OWN_UPDATE) or json.dumps(spec.get("UpdateConfig"))
    changed = start_first(with_constraint(spec, _not_on(node_id)))
    return with_labels(changed, {KEPT_OFF: node_id, OWN_UPDATE: own})


def allowed_again(spec: Spec) -> Spec:
    """The service without the constraint."""
    node_id = label(spec, KEPT_OFF)
    return without_constraint(spec, _not_on(node_id)) if node_id else spec


def as_before(spec: Spec) -> Spec:
    """The service with its own way of updating, and no memory of ours."""
    own = label(spec, OWN_UPDATE)
    if own is None:
        return spec
    changed = with_labels(spec, {KEPT_OFF: None, OWN_UPDATE: None})
    update = json.loads(own)
    return {
        **{key: value for key, value in changed.items() if key != "UpdateConfig"},
        **({"UpdateConfig": update} if update else {}),
    }


def kept_off_now(snapshot: Snapshot, node_id: str) -> tuple[str, ...]:
    """The services that are kept off that node."""
    return tuple(one.name for one in snapshot.services if one.labels.get(KEPT_OFF) == node_id)


def _replacement_on_its_way(snapshot: Snapshot, services: Collection[str]) -> str:
    """Replacements that have a node and don't run yet. Without the constraint, Swarm could keep one
    of these and stop the task that runs (`update/updater.go`, worker: of two tasks of one slot
    that fit, the first that is to run)."""
    waiting = []
    for service in snapshot.services:
        if service.name in services:
            serving = {task.name for task in service.running}
            waiting += [
                f"{task.name} on {task.node} is {task.state}"
                for task in service.tasks
                if task.desired == "running" and task.state in _STARTING and task.name in serving
            ]
    return ", ".join(waiting)


def _not_on(node_id: str) -> str:
    return f"node.id!={node_id}"
