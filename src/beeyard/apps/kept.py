"""The sign-ins that Swarm keeps with services, to pull their images: replaced before they end.

A service's definition holds the sign-in that it was deployed with, and each of its tasks pulls with
that, days later as well. Replacing it restarts no task that runs: swarmkit leaves it out where it
compares a task that has its image with its service (`manager/orchestrator/task.go`, IsTaskDirty).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, cast

from docker import DockerClient, auth
from docker.errors import APIError

from beeyard.apps.references import registry_of
from beeyard.apps.registry import Credentials
from beeyard.holder import Holder
from beeyard.swarm import Service, Snapshot, in_words
from beeyard.swarm.manager import post_service, raise_for

#: Updates that another one would get in the way of.
_BUSY = ("updating", "paused", "rollback_started", "rollback_paused")
_ENDED = ("complete", "failed", "rejected", "orphaned")
_OVER = ("shutdown", "remove")
#: Who changes an application now, by its name; None: nobody.
Busy = Callable[[str], Holder | None]


@dataclass(frozen=True)
class Renewals:
    """The services whose sign-in can be replaced now, and why not those of others, by name.

    held   for as long as somebody is changing them
    ended  for good: jobs, and what has come to its end. They get another when they are deployed
    """

    due: tuple[Service, ...]
    held: dict[str, str]
    ended: dict[str, str]


def renewals(snapshot: Snapshot, registry: str, stack: str | None = None) -> Renewals:
    """Which services keep a sign-in to `registry`: those with an image of it. Pure.

    `stack`: of that one only. Held back are services that are being updated, since Swarm would
    forget what it was at; and those with tasks that have come to their end, which it would run
    again: for these, it does compare the sign-in.
    """
    ours = [
        one
        for one in snapshot.services
        if registry_of(one.image) == registry and stack in (None, one.stack)
    ]
    held = {one.name: why for one in ours if (why := _how_busy(one))}
    ended = {one.name: why for one in ours if one.name not in held and (why := _how_ended(one))}
    due = tuple(one for one in ours if one.name not in held | ended)
    return Renewals(due, held, ended)


def renew(
    client: DockerClient, services: Iterable[Service], sign_in: Credentials, busy: Busy
) -> dict[str, str]:
    """Replace the sign-in of services. Gives those that were left as they are, and why.

    Raises SwarmError where the Swarm refuses one, or does not answer.
    """
    left: dict[str, str] = {}
    for service in services:
        holder = busy(service.stack) if service.stack else None
        if holder is not None:
            left[service.name] = f"{service.stack} is being changed: {holder}"
        elif not _replaced(client, service, _encoded(sign_in, registry_of(service.image))):
            left[service.name] = "somebody else has changed it at this moment"
    return left


def _is_job(service: Service) -> bool:
    return service.mode.endswith("-job")


def _how_busy(service: Service) -> str:
    if _is_job(service) or service.update is None or service.update.state not in _BUSY:
        return ""
    return f"it is being updated ({service.update.state})"


def _how_ended(service: Service) -> str:
    if _is_job(service):
        return "it is a job: its tasks have their image, or have ended"
    last = {task.name: task for task in service.tasks}
    living = {task.name for task in service.tasks if task.desired not in _OVER}
    for name, task in last.items():
        if task.state in _ENDED and name not in living:
            return f"{name} has come to its end, and would be run again"
    return ""


def _encoded(sign_in: Credentials, host: str) -> str:
    given: Any = auth.encode_header({**sign_in.auth_config(), "serveraddress": host})
    return given if isinstance(given, str) else str(given.decode())


def _replaced(client: DockerClient, service: Service, encoded: str) -> bool:
    """Whether it was; not where it was changed since it was looked at, or has gone."""
    api = cast(Any, client.api)
    with in_words(f"the sign-in of the service {service.name} could not be replaced"):
        try:
            raw = api.inspect_service(service.id)
            if raw["Version"]["Index"] != service.version:
                return False
            raise_for(post_service(api, raw, raw["Spec"], encoded))
        except APIError as error:
            if error.status_code == 404 or "out of sequence" in str(error.explanation):
                return False
            raise
    return True
