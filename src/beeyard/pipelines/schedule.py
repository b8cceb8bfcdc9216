"""Which steps are due: pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from beeyard.pipelines.outcome import FINAL, State
from beeyard.pipelines.plan import Job, JobStep


@dataclass(frozen=True)
class Course:
    """How far a job has come.

    up          detached steps whose containers have been started
    failed      a step has failed whose failure counts
    ended_early  by this step, which wished it so
    """

    states: Mapping[str, State]
    up: frozenset[str] = frozenset()
    failed: bool = False
    ended_early: str = ""


@dataclass(frozen=True)
class Due:
    """What is to be done now: steps to start, and steps to skip, with why."""

    start: tuple[JobStep, ...] = ()
    skip: tuple[tuple[JobStep, str], ...] = ()


def due(job: Job, course: Course) -> Due:
    """The steps whose time has come.

    A step waits for every service to have been started, and for the end of the steps that it
    depends on; those that are detached need only be started. One that was skipped counts as ended,
    so that what depends on it follows what it depended on.
    Source: docs.drone.io, "Parallelism", "Services", "Steps".
    """
    ready = [
        step
        for step in job.all_steps
        if course.states[step.name] == "pending" and _is_ready(job, step, course)
    ]
    against = {step.name: _against(job, step, course) for step in ready}
    start = [step for step in ready if not against[step.name]]
    skip = [(step, against[step.name]) for step in ready if against[step.name]]
    return Due(_as_many_as_may(job, start, course), tuple(skip))


def is_over(job: Job, course: Course) -> bool:
    """Whether at most what is detached goes on."""
    return all(
        course.states[step.name] in FINAL or (step.detach and course.states[step.name] != "pending")
        for step in job.steps
    )


def _is_ready(job: Job, step: JobStep, course: Course) -> bool:
    if job.is_service(step):
        return True
    return all(
        _is_past(job, one, course)
        for one in job.all_steps
        if job.is_service(one) or one.name in step.depends_on
    )


def _is_past(job: Job, step: JobStep, course: Course) -> bool:
    up = job.is_detached(step) and step.name in course.up
    return up or course.states[step.name] in FINAL


def _against(job: Job, step: JobStep, course: Course) -> str:
    """Why a step is not run, whose turn it is; empty: it is run."""
    if step.runs_on == "never":
        return step.reason or "it was left out"
    if course.ended_early:
        return f"{course.ended_early} ended the pipeline early"
    if job.is_service(step):
        needed = any(not _against(job, one, course) for one in job.steps)
        return "" if needed else "no step runs that could use it"
    if step.runs_on == "success" and course.failed:
        return "a step before it failed"
    if step.runs_on == "failure" and not course.failed:
        return "it is for pipelines that fail"
    return ""


def _as_many_as_may(job: Job, steps: list[JobStep], course: Course) -> tuple[JobStep, ...]:
    running = [one for one in job.steps if course.states[one.name] == "running" and not one.detach]
    free = max(0, job.parallel - len(running))
    attached = [one.name for one in steps if not job.is_detached(one)][:free]
    return tuple(one for one in steps if job.is_detached(one) or one.name in attached)
