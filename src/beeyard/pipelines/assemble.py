"""From the text of a `.drone.yml`, an event and secrets to the job that is run. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from beeyard.errors import PipelineError
from beeyard.pipelines.conditions import step_may_run, step_verdict
from beeyard.pipelines.environment import Build, Stage, substitutions
from beeyard.pipelines.event import Event
from beeyard.pipelines.graph import Graph, of_steps
from beeyard.pipelines.model import Clone, Limits, Pipeline, Step
from beeyard.pipelines.parse import FILE_NAME, parse
from beeyard.pipelines.plan import (
    MEBIBYTE,
    Bind,
    Credentials,
    Job,
    JobStep,
    RunsOn,
    StepLimits,
    shell,
)
from beeyard.pipelines.sign_ins import sign_ins
from beeyard.pipelines.step_environment import Circumstances, Held, step_environment
from beeyard.pipelines.trust import PRIVILEGED, Plugin, plugin_of, refused, visible
from beeyard.secret import Secret

_FIRST = Stage(1)
_UNLIMITED = StepLimits()


@dataclass(frozen=True)
class Given:
    """What a pipeline is run with, beside its text.

    id           of this run of it: `Job.id`
    secrets      by name, in which capitals don't matter: those that the event may have
    trusted      the pipeline may have privileged steps, and paths of the node; never a fork's
    variables    further ones, that every step gets
    limits       what a step gets that asks for nothing, and the most that one gets that does
    plugins      what images get that are known by name
    credentials  by registry, beside those that the pipeline's own secrets hold
    include      the steps to run; empty: all of them. `exclude`: those not to run
    labels, timeout (seconds), disk (bytes)  as in `Job`
    """

    id: str
    event: Event
    build: Build
    stage: Stage = _FIRST
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    trusted: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)
    limits: StepLimits = _UNLIMITED
    plugins: Mapping[str, Plugin] = field(default_factory=lambda: PRIVILEGED)
    credentials: Mapping[str, Credentials] = field(default_factory=dict)
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 3600.0
    disk: int = 10 * 1024 * MEBIBYTE


@dataclass(frozen=True)
class Assembled:
    """A job, and how its workspace is to be filled."""

    job: Job
    clone: Clone


def assemble(text: str, name: str, given: Given, path: Path = Path(FILE_NAME)) -> Assembled:
    """The job for the pipeline of that name; `path` names the file in messages.

    Whether the pipeline's `trigger` matches is for the caller to decide. Steps whose conditions
    don't match are in the job, as steps that never run; what such a step asks for, nobody needs to
    have. Raises ConfigError for what is wrong with the file, and PipelineError for a pipeline that
    isn't there, for secrets that are missing, and for what a repository must be trusted for.
    """
    found = {one.name: one for one in parse(text, substitutions(given.event, given.build), path)}
    if name not in found:
        raise PipelineError(
            f"there is no pipeline {name}",
            where=str(path),
            fix=f"name one of: {', '.join(found)}",
        )
    return Assembled(_Assembly(found[name], given).job(), found[name].clone)


class _Assembly:
    """One pipeline on its way to a job."""

    def __init__(self, pipeline: Pipeline, given: Given) -> None:
        self._pipeline = pipeline
        self._given = given
        self._graph = of_steps(pipeline)
        self._trusted = given.trusted and not given.event.fork
        self._held = Held(given.secrets)
        self._of = Circumstances(given.event, given.build, given.stage, pipeline)

    def job(self) -> Job:
        pipeline, given = self._pipeline, self._given
        credentials = {**given.credentials, **self._sign_ins()}
        services = {one.name: self._step(one) for one in pipeline.services}
        steps = [self._step(one) for one in pipeline.steps]
        self._require_nothing_wrong()
        late = _after_steps(pipeline, self._graph)
        return Job(
            id=given.id,
            name=pipeline.name,
            # A service that waits for a step is one that is detached.
            steps=(*(services[name] for name in services if name in late), *steps),
            services=tuple(services[name] for name in services if name not in late),
            volumes=pipeline.volumes,
            workspace=pipeline.workspace,
            labels=given.labels,
            credentials=credentials,
            timeout=given.timeout,
            disk=given.disk,
            late=self._of.late(),
        )

    def _step(self, step: Step) -> JobStep:
        runs_on, reason = self._runs_on(step)
        plain = JobStep(
            step.name,
            step.image,
            depends_on=self._graph[step.name],
            runs_on=runs_on,
            reason=reason,
            detach=step.detach,
        )
        return plain if runs_on == "never" else self._whole(step, plain)

    def _whole(self, step: Step, plain: JobStep) -> JobStep:
        plugin = plugin_of(step, self._given.plugins)
        number = list(self._graph).index(step.name) + 1
        environment = step_environment(step, number, self._of, self._given.variables, self._held)
        whole = replace(
            plain,
            image=plugin.image or step.image,
            environment=visible(environment, plugin, trusted=self._trusted)
            | dict(plugin.environment),
            mounts=step.volumes,
            binds=plugin.binds,
            devices=_devices(self._pipeline, step),
            failure=step.failure,
            pull=step.pull,
            limits=_limits(step.limits, self._given.limits),
            user=step.user,
            privileged=step.privileged or plugin.privileged,
            network_mode=step.network_mode,
            hostname=step.hostname,
            dns=step.dns,
            dns_search=step.dns_search,
            extra_hosts=step.extra_hosts,
            shm_size=step.shm_size,
        )
        return self._with_program(step, whole)

    def _with_program(self, step: Step, whole: JobStep) -> JobStep:
        """What it runs, and where: of a service without commands, its image knows that itself."""
        folder = step.working_dir or self._pipeline.workspace
        if not step.commands:
            return replace(
                whole,
                entrypoint=step.entrypoint,
                command=step.command,
                working_dir=step.working_dir if self._is_service(step) else folder,
            )
        sh = shell(step.commands, step.shell)
        return replace(
            whole,
            entrypoint=sh.entrypoint,
            command=sh.command,
            environment={**whole.environment, **sh.environment},
            working_dir=folder,
            init=True,
        )

    def _runs_on(self, step: Step) -> tuple[RunsOn, str]:
        event, host = self._given.event, self._given.build.system.host
        may = step_may_run(step, event, host)
        if not may.runs:
            return "never", may.why
        if self._is_left_out(step):
            return "never", "it was left out"
        good = step_verdict(step, event, "success", host).runs
        bad = step_verdict(step, event, "failure", host).runs
        by_both: dict[tuple[bool, bool], RunsOn] = {
            (True, True): "always",
            (True, False): "success",
            (False, True): "failure",
            (False, False): "never",
        }
        return by_both[good, bad], ""

    def _is_left_out(self, step: Step) -> bool:
        """Services stay, for the steps that are left."""
        include, exclude = self._given.include, self._given.exclude
        if self._is_service(step):
            return step.name in exclude
        return step.name in exclude or bool(include and step.name not in include)

    def _is_service(self, step: Step) -> bool:
        return any(step is service for service in self._pipeline.services)

    def _sign_ins(self) -> dict[str, Credentials]:
        found: dict[str, Credentials] = {}
        for name in self._pipeline.image_pull_secrets:
            text = self._held.get(name)
            if name not in self._held.missing:
                found |= sign_ins(name, text)
        return found

    def _require_nothing_wrong(self) -> None:
        if problems := list(self._problems()):
            raise PipelineError(
                f"the pipeline {self._pipeline.name} can't be run", why="\n".join(problems)
            )

    def _problems(self) -> Iterator[str]:
        pipeline, given = self._pipeline, self._given
        parts = (*pipeline.services, *pipeline.steps)
        known = {one.name for one in parts}
        for name in sorted((given.include | given.exclude) - known):
            yield f"there is no step {name}"
        for name in sorted(self._held.missing):
            yield f"the secret {name} is missing"
        for step in parts:
            if self._runs_on(step)[0] != "never":
                yield from refused(
                    pipeline, step, given.event, given.plugins, trusted=self._trusted
                )


def _after_steps(pipeline: Pipeline, graph: Graph) -> set[str]:
    """The services that wait for a step, or for such a service."""
    late = {step.name for step in pipeline.steps}
    steps = set(late)
    while more := {one for one in graph if one not in late and set(graph[one]) & late}:
        late |= more
    return late - steps


def _devices(pipeline: Pipeline, step: Step) -> tuple[Bind, ...]:
    paths = {volume.name: volume.path for volume in pipeline.volumes if volume.kind == "host"}
    return tuple(Bind(paths[one.name], one.path) for one in step.devices)


def _limits(asked: Limits, given: StepLimits) -> StepLimits:
    """As asked for, and never more than is given."""
    cpus = min(asked.cpus or given.cpus, given.cpus or asked.cpus)
    memory = min(asked.memory or given.memory, given.memory or asked.memory)
    return replace(given, cpus=cpus, memory=memory)
