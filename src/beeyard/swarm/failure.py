"""Why a service did not become what it was asked to be, with the task that tells it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from beeyard.errors import SwarmError
from beeyard.swarm.model import Service, Snapshot, Task

FAILED_UPDATES = ("paused", "rollback_started", "rollback_paused", "rollback_completed")

# Source: moby, daemon/cluster/executor/container/errors.go, "dockerexec: unhealthy container".
_UNHEALTHY = "unhealthy container"

# A task in these states has no container, and so no log.
_BEFORE_CONTAINER = ("new", "pending", "assigned", "accepted", "rejected")


class Observer(Protocol):
    """Where observations come from: `Manager`, or a test's."""

    def snapshot(self) -> Snapshot: ...

    def task_log(self, task_id: str, lines: int = 12) -> list[str]: ...

    def tidy(self, service: str) -> None: ...


@dataclass(frozen=True)
class Progress:
    """One service on its way. `note` says in words what it waits for; empty when it is there."""

    service: str
    running: int
    wanted: int
    note: str


def failure(
    observer: Observer,
    snapshot: Snapshot,
    state: Progress,
    reason: str,
    missing: Sequence[Progress] = (),
) -> SwarmError:
    """The error for a service that did not converge: its task, node, error and last log lines.

    `missing`: all the services that have not, to be named as well.
    """
    service = next((s for s in snapshot.services if s.name == state.service), None)
    task = _telling(service) if service else None
    why = [reason, *(f"{other.service}: {other.note}" for other in missing if other != state)]
    where = f"service {state.service}"
    if service is not None and task is not None:
        where += f", task {task.name}" + (f" on {task.node}" if task.node else "")
        why.append(f"the task is {task.state}: {_reason(task)}")
        why.extend(_log(observer, task))
    return SwarmError(
        f"{state.service} did not converge: {state.note}",
        where=where,
        why="\n".join(why),
        fix=_fix(task),
    )


def newest_trouble(service: Service) -> Task | None:
    """The task that tells most: one that waits with a reason, else the last that came to an end,
    else one on its way."""
    awaited = [t for t in service.tasks if t.desired in ("running", "ready") and not t.runs]
    blocked = [task for task in awaited if task.error]
    ended = [task for task in service.ended if task.current]
    for tasks in (blocked, ended, awaited):
        if tasks:
            return max(tasks, key=lambda task: task.since)
    return None


def _telling(service: Service) -> Task | None:
    """After a rollback, what failed is not of the current definition."""
    if service.update and service.update.state in FAILED_UPDATES and service.ended:
        return service.ended[-1]
    return newest_trouble(service)


def _reason(task: Task) -> str:
    if task.state == "complete":
        return (
            "its program ended with code 0: by itself, or because Swarm stopped it, for its "
            "health check did not succeed"
        )
    if _UNHEALTHY in (task.error or ""):
        # The exit code is that of a program which was told to end, or killed.
        return f"its health check did not succeed, so Swarm stopped it ({task.error})"
    return task.error or task.message


def _log(observer: Observer, task: Task) -> list[str]:
    if task.node is None or task.state in _BEFORE_CONTAINER:
        return []
    try:
        lines = observer.task_log(task.id)
    except SwarmError as error:
        return [f"its log can't be had: {error.why or error.what}"]
    return ["its last lines:", *(f"  {line}" for line in lines)] if lines else ["it wrote nothing"]


def _fix(task: Task | None) -> str:
    error = (task.error or "") if task else ""
    state = task.state if task else ""
    if "no suitable node" in error:
        return (
            "give the service's placement and reservations what a node has, or add a node; "
            "then run the command again"
        )
    if "No such image" in error or state == "rejected":
        return "see that the image exists and that the nodes may pull it; then deploy again"
    if _UNHEALTHY in error or state == "complete":
        return "see what the health check asks for and what the log says; then deploy again"
    return "mend what the log lines say, then run the command again"
