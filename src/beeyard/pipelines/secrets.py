"""Which secrets a run may have, and which a pipeline asks for.

Source: docs.drone.io, secret/repository and secret/organization: "Secrets are not exposed to pull
requests by default"; secret/encrypted: none to "pull requests that originate from forks";
secret/external/kubernetes, "Limiting Access": by repository and by event. Drone leaves one that is
missing empty; here, a run that asks for one that it may not have fails (`missing`).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from beeyard.pipelines.conditions import Verdict, step_may_run
from beeyard.pipelines.event import Event, EventKind
from beeyard.pipelines.globs import matches
from beeyard.pipelines.model import FromSecret, Pipeline, Step


@dataclass(frozen=True)
class SecretPolicy:
    """Who may have a secret.

    pull_requests  those of the repository's own branches may; those from forks never
    events         only these, where any are named
    repositories   only those that one of these globs matches (`octocat/*`), where any are named
    """

    name: str
    pull_requests: bool = False
    events: tuple[EventKind, ...] = ()
    repositories: tuple[str, ...] = ()


def key(name: str) -> str:
    """What two names of one secret have in common: capitals don't matter."""
    return name.strip().lower()


def verdict(policy: SecretPolicy, event: Event) -> Verdict:
    """Whether a run for `event` may have the secret, and if not, why."""
    why = ""
    if event.fork:
        why = "the pull request comes from a fork"
    elif event.kind == "pull_request" and not policy.pull_requests:
        why = "pull requests may not have it"
    elif policy.events and event.kind not in policy.events:
        why = f"it is for {', '.join(policy.events)}, not for {event.kind}"
    elif policy.repositories and not _any(policy.repositories, event.repository.slug):
        why = f"it is not for the repository {event.repository.slug}"
    return Verdict(runs=not why, why=why)


def granted(policies: Iterable[SecretPolicy], event: Event) -> frozenset[str]:
    """The `key`s of the secrets that a run for `event` may have."""
    return frozenset(key(policy.name) for policy in policies if verdict(policy, event).runs)


def asked_for(pipeline: Pipeline, steps: Iterable[Step] | None = None) -> frozenset[str]:
    """The `key`s of the secrets that a pipeline names: for itself, and in `steps` (all of them and
    the services, if not said otherwise)."""
    parts = (*pipeline.services, *pipeline.steps) if steps is None else steps
    names = {key(name) for name in pipeline.image_pull_secrets}
    names.update(_named(pipeline.environment))
    for part in parts:
        names.update(_named(part.environment))
        names.update(_named(part.settings))
    return frozenset(names)


def missing(
    pipeline: Pipeline, policies: Iterable[SecretPolicy], event: Event, instance: str = ""
) -> Mapping[str, str]:
    """The secrets that a pipeline asks for and does not get for `event`, each with why. What only
    steps ask for that don't run for that event is not missing."""
    parts = (*pipeline.services, *pipeline.steps)
    running = [part for part in parts if step_may_run(part, event, instance).runs]
    verdicts = {key(policy.name): verdict(policy, event) for policy in policies}
    unknown = Verdict(runs=False, why="there is no such secret")
    found = {name: verdicts.get(name, unknown) for name in sorted(asked_for(pipeline, running))}
    return {name: verdict.why for name, verdict in found.items() if not verdict.runs}


def _named(value: Any) -> Iterator[str]:
    """The secrets named in `value`, at any depth."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, FromSecret):
            yield key(value.name)
        elif isinstance(value, Mapping):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)


def _any(patterns: Iterable[str], value: str) -> bool:
    return any(matches(pattern, value) for pattern in patterns)
