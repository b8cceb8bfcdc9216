"""Keeping services off a node, without a gap, for as long as it takes.

A constraint makes Swarm replace the tasks on that node, and only those; with the order start-first
each of them is stopped when its successor runs. Swarmkit keeps tasks whose node satisfies a new
placement, so that nothing moves when the constraint goes (`manager/orchestrator/task.go`,
IsTaskDirty).

What was changed stands in labels of the service: whoever comes after a process that was killed
knows what to put back.
"""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from beeyard.swarm.manager import Manager
from beeyard.swarm.model import Service, Snapshot
from beeyard.swarm.services import (
    Spec,
    change_service,
    label,
    start_first,
    with_constraint,
    with_labels,
    without_constraint,
)

#: On a service: the ID of the node that it is kept off.
KEPT_OFF = "beeyard.kept-off"
#: On such a service: what its definition said of updates, as JSON.
OWN_UPDATE = "beeyard.kept-off.update"

#: Waits until services have converged.
Wait = Callable[[Collection[str]], object]


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

    def _without(self, service: Service) -> Service:
        return replace(
            service,
            tasks=tuple(
                replace(task, current=task.current and task.node != self.node)
                for task in service.tasks
            ),
        )


def keep_off(manager: Manager, service: str, node_id: str) -> None:
    """Have the service's tasks on that node replaced elsewhere; returns at once."""
    change_service(manager, service, lambda spec: kept_off(spec, node_id))


def let_on(manager: Manager, services: Collection[str], wait: Wait) -> None:
    """Undo `keep_off`, and see to it that nothing is lost by that. Without it, does nothing."""
    for service in services:
        change_service(manager, service, allowed_again)
    try:
        # The order stays until then: a task that is replaced after all is replaced without a gap.
        wait(services)
    finally:
        for service in services:
            change_service(manager, service, as_before)


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


def _not_on(node_id: str) -> str:
    return f"node.id!={node_id}"
