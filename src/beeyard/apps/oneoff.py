"""A command in a service's container, once: a task of its own, with its exit code and its log.

It is a service of the same stack, so it has the networks, secrets, configs, limits and placement of
the service that it is made like, and none of its ports and routes.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from docker.errors import APIError
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from beeyard.apps.bundle import Bundle, only
from beeyard.apps.deploy import stack_deploy
from beeyard.apps.release import Hook
from beeyard.apps.site import Site
from beeyard.errors import AppError
from beeyard.swarm import Task, in_words

#: The label of the services that one-off tasks run in.
LABEL = "beeyard.run"
_POLL = 0.3
_ALL_LINES = 10_000
_ENDED = ("complete", "failed", "rejected", "orphaned", "shutdown")


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` None: it never started; `error` says why."""

    code: int | None
    node: str | None
    error: str
    log: tuple[str, ...]


@dataclass
class _Log:
    """What a task wrote, told line by line as it grows."""

    site: Site
    say: Callable[[str], None]
    lines: list[str] = field(default_factory=list)

    def read(self, task: Task) -> None:
        found = self.site.manager.task_log(task.id, _ALL_LINES)
        for line in found[len(self.lines) :]:
            self.say(line)
        self.lines = found


def run_once(
    site: Site,
    application: str,
    bundle: Bundle,
    hook: Hook,
    say: Callable[[str], None] = lambda _: None,
) -> Ended:
    """Run `hook.command` like a container of `hook.service`, and wait for its end.

    `say` gets its log line by line. Raises AppError if there is no such service, or it has not
    ended in time; what it ran in is removed in any case.
    """
    if hook.service not in bundle.services:
        raise AppError(
            f"{application} has no service {hook.service}",
            fix=f"name one of: {', '.join(bundle.services)}",
        )
    name = f"{hook.service}-run-{secrets.token_hex(4)}"
    try:
        stack_deploy(application, _bundle(bundle, hook, name), site.runner)
        return _await_end(site, f"{application}_{name}", hook, _Log(site, say))
    finally:
        remove_service(site, f"{application}_{name}")


def remove_service(site: Site, name: str) -> None:
    """Remove a service, if there is one. Raises SwarmError."""
    with in_words(f"the service {name} could not be removed"):
        try:
            cast(Any, site.manager.client.api).remove_service(name)
        except APIError as error:
            if error.status_code != 404:
                raise


def _bundle(bundle: Bundle, hook: Hook, name: str) -> Bundle:
    deploy: Any = bundle.services[hook.service].get("deploy") or {}
    kept = {key: deploy[key] for key in ("resources", "endpoint_mode") if key in deploy}
    constraints = (deploy.get("placement") or {}).get("constraints")
    if constraints:
        kept["placement"] = CommentedMap(constraints=constraints)
    once = {
        "mode": "replicated",
        "replicas": 1,
        "restart_policy": CommentedMap(condition="none"),
        "labels": CommentedMap({LABEL: "true"}),
    }
    changes = {
        # A dollar of the command is no variable of the stack file's.
        "command": CommentedSeq(
            DoubleQuotedScalarString(word.replace("$", "$$")) for word in hook.command
        ),
        "healthcheck": CommentedMap(disable=True),
        "deploy": CommentedMap(kept | once),
        "ports": None,
        "depends_on": None,
    }
    return only(bundle, hook.service, name, changes)


def _await_end(site: Site, service: str, hook: Hook, log: _Log) -> Ended:
    end = site.clock.monotonic() + hook.timeout
    while True:
        task = _task(site, service)
        if task is not None and task.state in ("running", *_ENDED) and task.node:
            # One that was rejected has no container, and so no log.
            if task.state != "rejected":
                log.read(task)
            if task.state in _ENDED:
                return Ended(_code(task), task.node, task.error or "", tuple(log.lines))
        if site.clock.monotonic() >= end:
            seen = f"the task is {task.state}: {task.error or task.message}" if task else "no task"
            raise AppError(
                f"`{' '.join(hook.command)}` has not ended after {hook.timeout:g} s",
                where=f"service {service}" + (f", node {task.node}" if task and task.node else ""),
                why="\n".join([seen, *log.lines[-12:]]),
                fix="mend what holds it up, or give it more time",
            )
        site.clock.sleep(_POLL)


def _task(site: Site, service: str) -> Task | None:
    found = next((s for s in site.manager.snapshot().services if s.name == service), None)
    return found.tasks[-1] if found and found.tasks else None


def _code(task: Task) -> int | None:
    if task.state == "complete":
        return 0
    return None if task.state == "rejected" else task.exit_code
