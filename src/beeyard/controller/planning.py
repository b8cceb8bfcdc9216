"""From an event and the text of its `.drone.yml` to what will run. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from beeyard.controller.records import StagePlan, StepPlan
from beeyard.errors import ConfigError, render
from beeyard.pipelines.conditions import decide, pipeline_verdict
from beeyard.pipelines.environment import Build, substitutions
from beeyard.pipelines.event import Event
from beeyard.pipelines.graph import CLONE
from beeyard.pipelines.model import Pipeline
from beeyard.pipelines.parse import parse
from beeyard.pipelines.secrets import SecretPolicy, missing

_EVENT = TypeAdapter(Event)


@dataclass(frozen=True)
class Planned:
    """What runs for an event. `problem`: why nothing can; empty if something could."""

    stages: tuple[StagePlan, ...] = ()
    problem: str = ""

    @property
    def runs(self) -> bool:
        """Whether anything will run."""
        return any(not stage.skipped for stage in self.stages)

    @property
    def why_not(self) -> str:
        """Why nothing runs, of each pipeline."""
        return "; ".join(f"{stage.name}: {stage.skipped}" for stage in self.stages if stage.skipped)


def planned(event: Event, text: str, build: Build, policies: Iterable[SecretPolicy]) -> Planned:
    """The stages of a run, each with why it does not run, if so.

    Whatever is wrong with the file, or would be missing on the way, is a `problem` in words.
    """
    host = build.system.host
    try:
        pipelines = parse(text, substitutions(event, build))
    except ConfigError as error:
        return Planned(problem=render(error).removeprefix("error: "))
    verdicts = decide(pipelines, event, host)
    known = list(policies)
    problems = [
        f"pipeline {pipeline.name} asks for the secret {name}: {why}"
        for pipeline in pipelines
        if verdicts[pipeline.name].runs
        for name, why in missing(pipeline, known, event).items()
    ]
    stages = tuple(
        _stage(pipeline, event, host, verdicts[pipeline.name].why) for pipeline in pipelines
    )
    return Planned(stages, "\n".join(problems))


def _stage(pipeline: Pipeline, event: Event, host: str, skipped: str) -> StagePlan:
    clone = () if pipeline.clone.disable else (StepPlan(name=CLONE),)
    services = (StepPlan(name=one.name, image=one.image, detach=True) for one in pipeline.services)
    steps = (StepPlan(name=one.name, image=one.image, detach=one.detach) for one in pipeline.steps)
    return StagePlan(
        name=pipeline.name,
        steps=(*clone, *services, *steps),
        depends_on=pipeline.depends_on,
        skipped=skipped,
        on=tuple(
            status
            for status in ("success", "failure")
            if pipeline_verdict(pipeline, event, status, host).runs
        ),
        concurrency=pipeline.concurrency,
        needs=_needs(pipeline),
    )


def _needs(pipeline: Pipeline) -> dict[str, str]:
    """The labels that a runner must have."""
    platform = {"os": pipeline.platform.os, "arch": pipeline.platform.arch}
    return {**{key: value for key, value in platform.items() if value}, **pipeline.node}


def as_json(event: Event) -> dict[str, Any]:
    """An event as a record holds it."""
    found: dict[str, Any] = _EVENT.dump_python(event, mode="json")
    return found


def from_json(said: Mapping[str, Any]) -> Event:
    """The event that a record holds."""
    return _EVENT.validate_python(dict(said))
