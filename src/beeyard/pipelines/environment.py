"""The variables that Drone gives to every step.

Source: docs.drone.io, pipeline/environment/reference, one page for each. Those that only some
events have (`DRONE_TAG`, `DRONE_PULL_REQUEST…`, `DRONE_SEMVER…`, `DRONE_CALVER…`) are not set for
others; all the rest always is. Times are seconds since 1970.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from beeyard.pipelines.conditions import Status
from beeyard.pipelines.event import Event
from beeyard.pipelines.model import Pipeline
from beeyard.pipelines.versions import calendar, semantic

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = ("DRONE", "PLUGIN_", "CI_")


@dataclass(frozen=True)
class System:
    """Where pipelines are run: `proto` and `host` are those of the API and the pages."""

    host: str
    proto: str = "https"
    version: str = ""


@dataclass(frozen=True)
class Build:
    """A run as a whole.

    parent   the run that it repeats or promotes; 0: none
    trigger  the login of who asked for it, or `@hook`
    """

    number: int
    system: System
    created: int = 0
    started: int = 0
    parent: int = 0
    trigger: str = "@hook"
    status: Status = "success"
    failed_stages: tuple[str, ...] = ()

    def link(self, event: Event) -> str:
        return f"{self.system.proto}://{self.system.host}/{event.repository.slug}/{self.number}"


@dataclass(frozen=True)
class Stage:
    """One pipeline of a run. `number` counts from 1; `machine` is the node that it runs on, and the
    rest what that is."""

    number: int
    machine: str = ""
    os: str = "linux"
    arch: str = "amd64"
    variant: str = ""
    started: int = 0
    status: Status = "success"
    failed_steps: tuple[str, ...] = ()


def substitutions(event: Event, build: Build) -> dict[str, str]:
    """What can be substituted in the file: all but "step name, step number, as well as parameters
    that store statuses and timestamps" (pipeline/environment/reference), nor what is of one
    pipeline only: the file is read before there are any."""
    return {
        **_repository(event),
        **_commit(event),
        **_by_event(event),
        **_system(build.system),
        "DRONE_BUILD_ACTION": event.action,
        "DRONE_BUILD_EVENT": event.kind,
        "DRONE_BUILD_LINK": build.link(event),
        "DRONE_BUILD_NUMBER": str(build.number),
        "DRONE_BUILD_PARENT": str(build.parent),
        "DRONE_BUILD_TRIGGER": build.trigger,
        "DRONE_DEPLOY_TO": event.target,
    }


def variables(
    event: Event, build: Build, pipeline: Pipeline, stage: Stage, now: int
) -> dict[str, str]:
    """What every step of a pipeline gets; `step_variables` come on top. `now` stands for the end of
    what has not ended ("the system always sets this value to the current timestamp").

    The parameters of the event are variables as well, as far as their names can be and are none of
    Drone's.
    """
    return {
        **_parameters(event.parameters),
        **substitutions(event, build),
        "DRONE_BUILD_CREATED": str(build.created),
        "DRONE_BUILD_STARTED": str(build.started),
        "DRONE_BUILD_FINISHED": str(now),
        "DRONE_BUILD_STATUS": build.status,
        "DRONE_FAILED_STAGES": ",".join(build.failed_stages),
        "DRONE_FAILED_STEPS": ",".join(stage.failed_steps),
        "DRONE_STAGE_ARCH": stage.arch,
        "DRONE_STAGE_DEPENDS_ON": ",".join(pipeline.depends_on),
        "DRONE_STAGE_FINISHED": str(now),
        "DRONE_STAGE_KIND": "pipeline",
        "DRONE_STAGE_MACHINE": stage.machine,
        "DRONE_STAGE_NAME": pipeline.name,
        "DRONE_STAGE_NUMBER": str(stage.number),
        "DRONE_STAGE_OS": stage.os,
        "DRONE_STAGE_STARTED": str(stage.started),
        "DRONE_STAGE_STATUS": stage.status,
        "DRONE_STAGE_TYPE": "docker",
        "DRONE_STAGE_VARIANT": stage.variant,
        "DRONE_WORKSPACE": pipeline.workspace,
    }


def step_variables(name: str, number: int) -> dict[str, str]:
    """What tells a step which one it is; `number` counts from 1."""
    return {"DRONE_STEP_NAME": name, "DRONE_STEP_NUMBER": str(number)}


def _system(system: System) -> dict[str, str]:
    return {
        "CI": "true",
        "DRONE": "true",
        "DRONE_SYSTEM_HOST": system.host,
        "DRONE_SYSTEM_HOSTNAME": system.host,
        "DRONE_SYSTEM_PROTO": system.proto,
        "DRONE_SYSTEM_VERSION": system.version,
    }


def _repository(event: Event) -> dict[str, str]:
    repository = event.repository
    return {
        "DRONE_GIT_HTTP_URL": repository.clone_url,
        "DRONE_GIT_SSH_URL": repository.ssh_url,
        "DRONE_REMOTE_URL": repository.clone_url,
        "DRONE_REPO": repository.slug,
        "DRONE_REPO_BRANCH": repository.default_branch,
        "DRONE_REPO_LINK": repository.link,
        "DRONE_REPO_NAME": repository.name,
        "DRONE_REPO_NAMESPACE": repository.namespace,
        "DRONE_REPO_OWNER": repository.namespace,
        "DRONE_REPO_PRIVATE": "true" if repository.private else "false",
        "DRONE_REPO_SCM": "git",
        "DRONE_REPO_VISIBILITY": repository.visibility,
    }


def _commit(event: Event) -> dict[str, str]:
    branch = "" if event.kind == "tag" else event.branch
    return {
        "DRONE_BRANCH": branch,
        "DRONE_COMMIT": event.commit,
        "DRONE_COMMIT_AFTER": event.commit,
        "DRONE_COMMIT_AUTHOR": event.author.login,
        "DRONE_COMMIT_AUTHOR_AVATAR": event.author.avatar,
        "DRONE_COMMIT_AUTHOR_EMAIL": event.author.email,
        "DRONE_COMMIT_AUTHOR_NAME": event.author.name,
        "DRONE_COMMIT_BEFORE": event.before,
        "DRONE_COMMIT_BRANCH": branch,
        "DRONE_COMMIT_LINK": event.link,
        "DRONE_COMMIT_MESSAGE": event.message,
        "DRONE_COMMIT_REF": event.ref,
        "DRONE_COMMIT_SHA": event.commit,
        "DRONE_SOURCE_BRANCH": event.source or branch,
        "DRONE_TARGET_BRANCH": branch,
    }


def _by_event(event: Event) -> dict[str, str]:
    """A tag comes with promotions as well "that are derived from tags": by the reference."""
    found: dict[str, str] = {}
    if event.kind == "pull_request":
        found["DRONE_PULL_REQUEST"] = str(event.number)
        found["DRONE_PULL_REQUEST_TITLE"] = event.title
    if event.tag:
        found["DRONE_TAG"] = event.tag
        found |= semantic(event.tag) | calendar(event.tag)
    return found


def _parameters(parameters: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in parameters.items()
        if _VARIABLE.fullmatch(name) and not name.startswith(_RESERVED) and name != "CI"
    }
