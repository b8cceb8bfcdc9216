"""What not everybody's pipeline may do."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from docker.utils import parse_repository_tag

from beeyard.pipelines.event import Event
from beeyard.pipelines.model import Pipeline, Step
from beeyard.pipelines.plan import Bind
from beeyard.secret import Secret


@dataclass(frozen=True)
class Plugin:
    """What the image of a plugin gets, beyond other images.

    image        is run in its place; empty: itself
    environment  comes on top of the step's own
    """

    image: str = ""
    privileged: bool = False
    binds: tuple[Bind, ...] = ()
    environment: Mapping[str, str | Secret] = field(default_factory=dict)

    @property
    def is_mighty(self) -> bool:
        """Whether it gets what a fork's pull request must not have."""
        return self.privileged or bool(self.binds) or bool(self.environment)


#: Those that start an engine of their own. Drone lets them, in every repository.
#: Source: docs.drone.io, "DRONE_RUNNER_PRIVILEGED_IMAGES".
PRIVILEGED: Mapping[str, Plugin] = {
    f"plugins/{name}": Plugin(privileged=True) for name in ("acr", "docker", "ecr", "gcr", "heroku")
}


# What a pipeline may tell a mighty plugin by variables of its own choice. Others, such as PATH and
# LD_PRELOAD, would have it run what an earlier step wrote.
_HARMLESS = re.compile(
    "CI|TZ|LANG|LC_[A-Z]+|(DRONE|PLUGIN|AWS)_[A-Z0-9_]+|DRONE|DOCKER_BUILDKIT|BUILDKIT_PROGRESS"
    "|(HTTP|HTTPS|NO)_PROXY|(http|https|no)_proxy"
)
# From a file in the workspace, the published plugins would take any other variable all the same.
# Source: github.com/drone-plugins/drone-docker, `cmd/drone-docker/main.go`, "PLUGIN_ENV_FILE".
_FROM_FILE = "PLUGIN_ENV_FILE"
# Below these, no image has programs of its own.
_WORKSPACES = ("/drone/", "/go/src/")


def plugin_of(step: Step, plugins: Mapping[str, Plugin]) -> Plugin:
    """The plugin that a step is, with what it gets.

    An image gets it only as it is: with commands or another entry point, it would be a program of
    somebody's own.
    """
    changed = step.commands or step.entrypoint or step.command
    name = parse_repository_tag(step.image)[0]
    for prefix in ("docker.io/", "index.docker.io/"):
        name = name.removeprefix(prefix)
    return Plugin() if changed else plugins.get(name, Plugin())


def visible(
    environment: Mapping[str, str | Secret], plugin: Plugin, *, trusted: bool
) -> dict[str, str | Secret]:
    """The variables of a step, as far as it may have them."""
    if trusted or not plugin.is_mighty:
        return dict(environment)
    return {
        name: value
        for name, value in environment.items()
        if _HARMLESS.fullmatch(name) and name != _FROM_FILE
    }


def for_trusted_only(pipeline: Pipeline, step: Step) -> Iterator[str]:
    """What a step asks for that needs a repository that is trusted.

    Source: docs.drone.io, "Steps", "Privileged Mode"; "Host Volumes"; yaml/docker, "The Step
    object".
    """
    hosts = {volume.name for volume in pipeline.volumes if volume.kind == "host"}
    if step.privileged:
        yield "`privileged`"
    if step.network_mode:
        yield "`network_mode`"
    if step.devices:
        yield "`devices`"
    if any(mount.name in hosts for mount in step.volumes):
        yield "a volume of kind `host`"


def refused(
    pipeline: Pipeline, step: Step, event: Event, plugins: Mapping[str, Plugin], *, trusted: bool
) -> Iterator[str]:
    """Why a step may not run as it stands."""
    if trusted:
        return
    for asked in for_trusted_only(pipeline, step):
        yield f"step {step.name}: {asked} needs a repository that is trusted"
    if not plugin_of(step, plugins).is_mighty:
        return
    if event.fork:
        yield f"step {step.name}: {step.image} is not run for pull requests from forks"
    # With either of them, files of the pipeline would lie over those of the plugin.
    if step.volumes:
        yield f"step {step.name}: `volumes` in {step.image} need a repository that is trusted"
    if "env_file" in step.settings:
        yield f"step {step.name}: `env_file` in {step.image} needs a repository that is trusted"
    if not f"{pipeline.workspace}/".startswith(_WORKSPACES):
        places = " or ".join(_WORKSPACES)
        yield f"step {step.name}: for {step.image}, the workspace has to be below {places}"
