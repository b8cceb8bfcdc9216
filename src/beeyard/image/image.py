"""The controller's image: what is to be there, as a plan, and a builder that has the runtime first.

ensure_image(plan(registry), builder=RuntimeFirst(client), manager=client, credentials=…)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, cast

from docker import DockerClient
from docker.errors import ImageNotFound

from beeyard.apps import BuildPlan, FilesContext, ManagerBuilder
from beeyard.apps.build import Lines, app_error, follow
from beeyard.apps.stack import Build
from beeyard.errors import AppError
from beeyard.image import runtime
from beeyard.packaged import Files, read

NAME = "beeyard-controller"
#: Packages that the controller can't import, as the layers of pyproject.toml have it.
_NOT_IN_THE_CLUSTER = ("cli", "sandbox", "testing")


def plan(registry: str) -> BuildPlan:
    """The image of the beeyard that is installed here, in `registry`, tagged with its hash."""
    arguments = (("RUNTIME", runtime.reference()),)
    context = FilesContext(
        "the controller", _place("beeyard"), code(), Build(Path(), args=arguments)
    )
    return BuildPlan.of(context, registry, NAME)


def code() -> Files:
    """What is built on top of the runtime: beeyard itself, and the Dockerfile."""
    package = read(resources.files("beeyard"), "beeyard/", _NOT_IN_THE_CLUSTER)
    return package | read(resources.files(__package__) / "contexts/code")


def runtime_plan() -> BuildPlan:
    """The runtime, as it is built where it can't be pulled. It is in no registry of the cluster."""
    repository, _, tag = runtime.reference().partition(":")
    context = FilesContext(
        "the controller's runtime", _place(__package__), runtime.files(), Build(Path())
    )
    return BuildPlan(context, repository, tag)


@dataclass(frozen=True)
class RuntimeFirst:
    """Builds on the manager's engine, and has the runtime there before.

    mirrored    whether the engine's mirror of Docker Hub holds the runtime, so that it is pulled.
                Nobody has published that name: without such a mirror it could be anybody's.
    """

    manager: DockerClient
    mirrored: bool = False
    runtime: BuildPlan = field(default_factory=runtime_plan)

    def build(self, plan: BuildPlan, lines: Lines) -> None:
        """Build it. Raises AppError with the last lines of what failed."""
        try:
            self.manager.images.get(self.runtime.reference)
        except ImageNotFound:
            if not (self.mirrored and self._pulled(lines)):
                ManagerBuilder(self.manager).build(self.runtime, lines)
        ManagerBuilder(self.manager).build(plan, lines)

    def _pulled(self, lines: Lines) -> bool:
        what = f"{self.runtime.reference} could not be pulled"
        repository, tag = self.runtime.repository, self.runtime.tag
        try:
            with app_error(what):
                # An empty sign-in keeps the SDK from handing this machine's own over.
                stream = cast(Any, self.manager.api).pull(
                    repository, tag=tag, auth_config={}, stream=True, decode=True
                )
                follow(cast(Iterable[Mapping[str, Any]], stream), what, lines, repository)
        except AppError as error:
            lines(f"{error.what}, so it is built: {error.why}")
            return False
        return True


def _place(package: str) -> str:
    return str(resources.files(package))
