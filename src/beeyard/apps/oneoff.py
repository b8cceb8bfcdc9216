"""A command in a service's container, once: a task of its own, with its exit code and its log.

It is a service of the same stack, so it has the networks, secrets, configs, limits and placement of
the service that it is made like, and none of its ports, routes and aliases.
"""

import json
import secrets
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from docker.errors import APIError
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from beeyard.apps.bundle import Bundle, only
from beeyard.apps.deploy import deploy_to
from beeyard.apps.release import Hook
from beeyard.apps.site import Site
from beeyard.errors import AppError
from beeyard.holder import Holder
from beeyard.swarm import Service, Snapshot, Task, in_words
from beeyard.swarm.logs import Entry, Excerpt, service_log
from beeyard.waiting import Timeout, wait_until

Kind = Literal["hook", "run"]

#: The label of the services that one-off tasks run in; its value is their kind.
LABEL = "beeyard.run"
_HOLDER = "beeyard.holder"
_POLL = 0.3
_KEPT_LINES = 10_000
#: Seconds for which no node may take the task.
HOMELESS = 30.0
# Seconds in which a `docker stack deploy` that was interrupted may still do its work.
_LATE = 5.0
# After which nobody waits any more for a task that has ended.
_FORGOTTEN = timedelta(minutes=10)


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` None: it never started, or was stopped; `error` says why."""

    code: int | None
    node: str | None
    error: str
    log: tuple[str, ...]


def run_once(
    site: Site,
    application: str,
    bundle: Bundle,
    hook: Hook,
    hear: Callable[[Entry], None] = lambda _: None,
    kind: Kind = "hook",
    entrypoint: str | None = None,
) -> Ended:
    """Run `hook.command` like a container of `hook.service`, and wait for its end.

    `hear` gets its log line by line; `entrypoint` is a program to be used instead of the image's
    entry point, which gets the command as arguments. Raises AppError if there is no such service,
    no node takes it, or it has not ended in time; what it ran in is removed in any case.
    """
    if hook.service not in bundle.services:
        raise AppError(
            f"{application} has no service {hook.service}",
            fix=f"name one of: {', '.join(bundle.services)}",
        )
    sweep(site, application)
    short = f"{hook.service}-run-{secrets.token_hex(4)}"
    name = f"{application}_{short}"
    made = only(bundle, hook.service, short, _changes(bundle, hook, kind, entrypoint))
    try:
        with _seen_to_the_end(site, name):
            deploy_to(site, application, made)
        return _Watch(site, name, hook, _Log(site, hear)).await_end()
    finally:
        remove_service(site, name)


def remove_service(site: Site, name: str) -> None:
    """Remove a service, if there is one. Raises SwarmError."""
    with in_words(f"the service {name} could not be removed"):
        try:
            cast(Any, site.manager.client.api).remove_service(name)
        except APIError as error:
            if error.status_code != 404:
                raise


def sweep(site: Site, application: str) -> None:
    """Remove what one-off tasks ran in that have ended, and whose beeyard was killed before it
    could. Raises SwarmError."""
    for service in forgotten(site.manager.snapshot(), application):
        remove_service(site, service)


def forgotten(snapshot: Snapshot, application: str) -> list[str]:
    """The services of ended one-off tasks for which nobody waits any more."""
    return [
        service.name
        for service in snapshot.stack(application)
        if LABEL in service.labels
        and service.tasks
        and service.tasks[-1].ended
        and (_is_gone(service) or snapshot.taken_at - service.tasks[-1].since > _FORGOTTEN)
    ]


def _is_gone(service: Service) -> bool:
    held = service.labels.get(_HOLDER)
    return held is not None and Holder(**json.loads(held)).is_gone()


@contextmanager
def _seen_to_the_end(site: Site, service: str) -> Iterator[None]:
    """Where we are interrupted, the Docker CLI on the manager is not: what it makes all the same is
    to be there before it is removed."""

    def there() -> bool:
        return any(one.name == service for one in site.manager.snapshot().services)

    try:
        yield
    except AppError:
        raise
    except BaseException:
        with suppress(Timeout):
            wait_until(there, clock=site.clock, deadline=_LATE, interval=_POLL)
        raise


def _changes(bundle: Bundle, hook: Hook, kind: Kind, entrypoint: str | None) -> dict[str, Any]:
    """What makes a one-off task of the service's entry."""
    entry = bundle.services[hook.service]
    deploy: Any = entry.get("deploy") or {}
    kept = {key: deploy[key] for key in ("resources", "endpoint_mode") if key in deploy}
    constraints = (deploy.get("placement") or {}).get("constraints")
    if constraints:
        kept["placement"] = CommentedMap(constraints=constraints)
    holder = json.dumps(asdict(Holder.me("run")))
    once = {
        "mode": "replicated",
        "replicas": 1,
        "restart_policy": CommentedMap(condition="none"),
        "labels": CommentedMap({LABEL: kind, _HOLDER: _literal(holder)}),
    }
    changes: dict[str, Any] = {
        "command": CommentedSeq(_literal(word) for word in hook.command),
        "healthcheck": CommentedMap(disable=True),
        "deploy": CommentedMap(kept | once),
        "ports": None,
        "depends_on": None,
    }
    if isinstance(entry.get("networks"), Mapping):
        # Under the service's aliases, others would take it for one of the service's own tasks.
        changes["networks"] = CommentedMap(
            (network, _without_aliases(settings)) for network, settings in entry["networks"].items()
        )
    if entrypoint is not None:
        changes["entrypoint"] = CommentedSeq([_literal(entrypoint)])
    return changes


def _literal(word: str) -> DoubleQuotedScalarString:
    """A dollar in it is no variable of the stack file's."""
    quoted: DoubleQuotedScalarString = DoubleQuotedScalarString(word.replace("$", "$$"))
    return quoted


def _without_aliases(settings: Mapping[str, Any] | None) -> CommentedMap | None:
    kept = {key: value for key, value in (settings or {}).items() if key != "aliases"}
    return CommentedMap(kept) or None


@dataclass
class _Log:
    """What a task wrote, told line by line as it grows."""

    site: Site
    hear: Callable[[Entry], None]
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT_LINES))
    _since: float = 0.0
    _heard: list[Entry] = field(default_factory=list)

    def read(self, service: Service) -> None:
        """Read on, from a second before the last line: each stream is in order, both are not."""
        client = self.site.manager.client
        again = {one: sum(e.stream == one for e in self._heard) for one in ("stdout", "stderr")}
        for entry in service_log(client, service.id, Excerpt(since=self._since)):
            if not entry.task_id:
                continue
            if again[entry.stream]:
                again[entry.stream] -= 1
                continue
            self._heard.append(entry)
            self.lines.append(entry.text)
            self.hear(entry)
        if self._heard:
            self._since = max(_second(entry) for entry in self._heard) - 1
            self._heard = [entry for entry in self._heard if _second(entry) >= self._since]


def _second(entry: Entry) -> float:
    """The whole second of a line. Its time has nanoseconds, which Python does not read."""
    return datetime.fromisoformat(f"{entry.time[:19]}+00:00").timestamp()


@dataclass
class _Watch:
    """One command on its way to its end."""

    site: Site
    service: str
    hook: Hook
    log: _Log
    _homeless: float | None = None

    def await_end(self) -> Ended:
        end = self.site.clock.monotonic() + self.hook.timeout
        task: Task | None = None
        while True:
            found = self._look(seen=task is not None)
            task = found.tasks[-1] if found and found.tasks else None
            if found and task and task.node and (task.state == "running" or task.ended):
                # One that was rejected has no container, and so no log.
                if task.state != "rejected":
                    self.log.read(found)
                if task.ended:
                    return Ended(_code(task), task.node, _error(task), tuple(self.log.lines))
            self._require_a_node(task)
            if self.site.clock.monotonic() >= end:
                raise self._late(task)
            self.site.clock.sleep(_POLL)

    def _look(self, *, seen: bool) -> Service | None:
        services = self.site.manager.snapshot().services
        found = next((one for one in services if one.name == self.service), None)
        if found is None and seen:
            raise AppError(
                f"{self._command} was stopped before its end",
                where=f"service {self.service}",
                why="somebody removed that service",
            )
        return found

    def _require_a_node(self, task: Task | None) -> None:
        """Raise AppError if no node has taken the task for too long."""
        now = self.site.clock.monotonic()
        if task is None or task.state != "pending" or not task.error:
            self._homeless = None
            return
        self._homeless = self._homeless or now
        if now - self._homeless >= HOMELESS:
            raise AppError(
                f"{self._command} was not started: no node takes it",
                where=f"service {self.service}",
                why=task.error,
                fix="see the service's placement and reservations in the stack file, and "
                "`beeyard node ls`",
            )

    def _late(self, task: Task | None) -> AppError:
        seen = f"the task is {task.state}: {task.error or task.message}" if task else "no task"
        return AppError(
            f"{self._command} has not ended after {self.hook.timeout:g} s",
            where=f"service {self.service}" + (f", node {task.node}" if task and task.node else ""),
            why="\n".join([seen, *list(self.log.lines)[-12:]]),
            fix="mend what holds it up, or give it more time",
        )

    @property
    def _command(self) -> str:
        return f"`{' '.join(self.hook.command)}`"


def _code(task: Task) -> int | None:
    """The exit code. A container that was never started has one as well: the engine's own."""
    if task.state == "complete":
        return 0
    started = task.state == "failed" and "starting container failed" not in (task.error or "")
    return task.exit_code if started and task.exit_code else None


def _error(task: Task) -> str:
    return task.error or ("" if task.state in ("complete", "failed") else f"it is {task.state}")
