"""Whether a pipeline or a step runs for an event, and if not, why.

Sources, at docs.drone.io: pipeline/triggers, pipeline/conditions, pipeline/skipping.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from beeyard.pipelines.event import Event
from beeyard.pipelines.globs import matches
from beeyard.pipelines.model import Conditions, Match, Pipeline, Step

#: How it stands so far. "The default pipeline state is `success`, even if the pipeline is still
#: running" (docs.drone.io, yaml/docker, "The Status enum").
Status = Literal["success", "failure"]

#: In a commit's message, or a pull request's title, in capitals or not.
SKIP_WORDS = ("[ci skip]", "[skip ci]", "***no_ci***")
_SKIPPABLE = ("push", "pull_request")


@dataclass(frozen=True)
class Verdict:
    """`why` it doesn't run, in words that go on after a name: "build: the branch …"."""

    runs: bool
    why: str = ""


def skip_word(event: Event) -> str:
    """The word by which the author of a commit asks for nothing to run, or empty.

    It counts for pushes and pull requests only: "The skip directive is ignored for tags and
    promotion events, and when manually triggering pipelines" (pipeline/skipping).
    """
    if event.kind not in _SKIPPABLE:
        return ""
    said = f"{event.title}\n{event.message}".lower()
    return next((word for word in SKIP_WORDS if word in said), "")


def decide(pipelines: Iterable[Pipeline], event: Event, instance: str = "") -> dict[str, Verdict]:
    """By name: which pipelines of a file run for `event`. `instance` is this installation's host.

    `status` is not asked for here: it is known only once the pipelines are done that one waits for
    (`pipeline_verdict`).
    """
    word = skip_word(event)
    if word:
        why = f"the commit says {word}"
        return {pipeline.name: Verdict(runs=False, why=why) for pipeline in pipelines}
    return {pipeline.name: _verdict(pipeline.trigger, event, instance) for pipeline in pipelines}


def pipeline_verdict(
    pipeline: Pipeline, event: Event, status: Status, instance: str = ""
) -> Verdict:
    """Whether a pipeline runs, once those that it waits for ended with `status`."""
    verdict = _verdict(pipeline.trigger, event, instance)
    return verdict if not verdict.runs else _by_status(pipeline.trigger.status, status)


def step_verdict(step: Step, event: Event, status: Status, instance: str = "") -> Verdict:
    """Whether a step or service runs, while its pipeline's status is `status`."""
    verdict = _verdict(step.when, event, instance)
    return verdict if not verdict.runs else _by_status(step.when.status, status)


def step_may_run(step: Step, event: Event, instance: str = "") -> Verdict:
    """Whether a step or service can run for `event`, whatever its pipeline's status will be."""
    return _verdict(step.when, event, instance)


def _verdict(conditions: Conditions, event: Event, instance: str) -> Verdict:
    for name, value in _subject(event, instance).items():
        match: Match | None = getattr(conditions, name)
        if match is not None and not allows(match, value):
            return Verdict(runs=False, why=_why(name, value, match))
    return Verdict(runs=True)


def _subject(event: Event, instance: str) -> Mapping[str, str]:
    """What each condition is held against. "Branch names are not available for tag events"."""
    return {
        "event": event.kind,
        "action": event.action,
        "branch": "" if event.kind == "tag" else event.branch,
        "ref": event.ref,
        "repo": event.repository.slug,
        "instance": instance,
        "target": event.target,
        "cron": event.cron,
    }


def allows(match: Match, value: str) -> bool:
    """Whether `value` is among the included, if there are any, and not among the excluded."""
    if any(matches(pattern, value) for pattern in match.exclude):
        return False
    return not match.include or any(matches(pattern, value) for pattern in match.include)


def _by_status(match: Match | None, status: Status) -> Verdict:
    """Without a condition, only success will do."""
    if allows(match or Match(("success",)), status):
        return Verdict(runs=True)
    return Verdict(
        runs=False,
        why="something failed before" if status == "failure" else "it runs only after a failure",
    )


def _why(name: str, value: str, match: Match) -> str:
    shown = f"`{value}`" if value else "empty"
    excluded = [pattern for pattern in match.exclude if matches(pattern, value)]
    if excluded:
        return f"the {name} is {shown}, which `{excluded[0]}` excludes"
    wanted = ", ".join(f"`{pattern}`" for pattern in match.include[:5])
    more = ", …" if len(match.include) > 5 else ""
    return f"the {name} is {shown}, not {wanted}{more}"
