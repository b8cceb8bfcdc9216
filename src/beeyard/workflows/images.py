"""Images of an application: built and pushed where it has a Dockerfile, named by digest always."""

import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

import docker

from beeyard.apps import (
    Builder,
    BuildPlan,
    Context,
    Credentials,
    LocalBuilder,
    ManagerBuilder,
    Stack,
    build_ahead,
    ensure_image,
    registry_login,
)
from beeyard.apps.images import pinned
from beeyard.apps.references import registry_of
from beeyard.apps.registry import remote_digest
from beeyard.apps.registry_auth import FixedAuth, RegistryAuth
from beeyard.config import ClusterSpec, ExternalRegistry
from beeyard.config.interpolation import interpolate
from beeyard.errors import AppError, ToolError
from beeyard.process import Command
from beeyard.swarm import Manager
from beeyard.workflows.applications import from_environment
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.progress import Phase

Where = Literal["manager", "local"]


@dataclass(frozen=True)
class Images:
    """Where an application's images come from. `looks`: nothing is changed on the way to know them,
    not even who is signed in on the first manager."""

    cluster: Cluster
    hosts: Hosts
    manager: Manager
    name: str
    looks: bool = False

    def build_ahead(self, phase: Phase, stack: Stack, where: Where) -> None:
        """Have the images on the manager's engine before there is a registry to push them to."""
        builder = self._builder(where)
        for plan in self._plans(stack).values():
            build_ahead(plan, builder=builder, manager=self.manager.client, lines=phase.say)

    def build(
        self, phase: Phase, stack: Stack, where: Where, besides: Collection[str] = ()
    ) -> tuple[dict[str, str], int]:
        """See to it that the registry has the image of every service that is built here, save those
        in `besides`.

        Gives the images by service, and how many had to be built.
        """
        plans = self._plans(stack, besides)
        if not plans:
            return {}, 0
        credentials = self.credentials(registry_place(self.cluster.spec).partition("/")[0])
        builder = self._builder(where)
        images = {
            service: ensure_image(
                plan,
                builder=builder,
                manager=self.manager.client,
                credentials=credentials,
                lines=phase.say,
            )
            for service, plan in plans.items()
        }
        built = sum(image.built for image in images.values())
        return {service: image.reference for service, image in images.items()}, built

    def known(self, stack: Stack) -> tuple[dict[str, str], tuple[str, ...]]:
        """The images of the services that are built here, by service, as far as the registry has
        them; and the services whose image is yet to be built, which have it by its tag."""
        plans = self._plans(stack)
        if not plans:
            return {}, ()
        credentials = self.credentials(registry_place(self.cluster.spec).partition("/")[0])
        found = {
            service: remote_digest(self.manager.client, plan.reference, credentials)
            for service, plan in plans.items()
        }
        images = {
            service: f"{plan.repository}@{found[service]}" if found[service] else plan.reference
            for service, plan in plans.items()
        }
        return images, tuple(service for service in plans if found[service] is None)

    def pinned(
        self,
        stack: Stack,
        made: Mapping[str, str],
        environment: Mapping[str, str],
        unbuilt: Collection[str] = (),
    ) -> dict[str, str]:
        """Every service's image by digest; `made` are those that are known already, those of
        `unbuilt` by their tags.

        Raises AppError for a service without an image, and for an image that its registry does not
        have.
        """

        def pin(service: str) -> str:
            if service in unbuilt:
                return made[service]
            written = made.get(service) or stack.services[service].get("image")
            if not written:
                raise AppError(
                    f"the service `{service}` has no image",
                    where=str(stack.path),
                    fix="give it `image:`, or `build:` with the folder of its Dockerfile",
                )
            reference = interpolate(str(written), environment)
            known = self.credentials(registry_of(reference)) if "@" not in reference else None
            return pinned(self.manager.client, reference, known)

        with ThreadPoolExecutor(8) as pool:
            return dict(zip(stack.services, pool.map(pin, stack.services), strict=True))

    def credentials(self, registry: str) -> Credentials | None:
        """Who we are for a registry, by its host; None: nobody. Raises AppError if the cluster's
        own does not know us."""
        ours = registry_place(self.cluster.spec).partition("/")[0]
        settings = self.cluster.spec.registry
        if registry == ours and isinstance(settings, ExternalRegistry):
            auth = self._outside(registry, settings)
            return auth.credentials() if auth else None
        login = registry_login(self.hosts.manager, registry, (self.cluster.spec.ssh.user,))
        if login is None and registry == ours:
            raise AppError(
                f"the first manager is not signed in to {registry}",
                fix="run `beeyard provision --tags deploy_infra`, then this again",
            )
        return login

    def _plans(self, stack: Stack, besides: Collection[str] = ()) -> dict[str, BuildPlan]:
        """What is to be built, by service, save those in `besides`."""
        place = registry_place(self.cluster.spec)
        return {
            service: BuildPlan.of(
                Context.of(stack.path.parent, recipe),
                place,
                self.name if len(stack.builds) == 1 else f"{self.name}-{service}",
            )
            for service, recipe in stack.builds.items()
            if service not in besides
        }

    def _outside(self, host: str, settings: ExternalRegistry) -> RegistryAuth | None:
        """What signs in to a registry outside; None where nobody has to.

        A password that stays is the one that the operator's environment says: the first manager is
        signed in with it, and keeps that. Where the environment says nothing, as in the controller,
        it is what the manager has.
        """
        if self.cluster.ending_auth is not None:
            return self.cluster.ending_auth
        if not settings.username_env or not settings.password_env:
            return None
        variables = (settings.username_env, settings.password_env)
        if not any(os.environ.get(name) for name in variables):
            kept = registry_login(self.hosts.manager, host)
            if kept is not None:
                return FixedAuth(host, kept)
        user, password = (
            from_environment(name, where=f"registry {settings.host}") for name in variables
        )
        if not self.looks:
            argv = ["docker", "login", host, "--username", user.reveal(), "--password-stdin"]
            self.hosts.manager.run(Command(argv, input=password.reveal().encode(), timeout=60))
        return FixedAuth(host, Credentials(user.reveal(), password))

    def _builder(self, where: Where) -> Builder:
        if where == "manager":
            return ManagerBuilder(self.manager.client)
        return LocalBuilder(_local_engine(), self.manager.client)


def registry_place(spec: ClusterSpec) -> str:
    """Where images are pushed: host, and path where there is one."""
    if isinstance(spec.registry, ExternalRegistry):
        return spec.registry.host
    return f"registry.{spec.domain}"


def _local_engine() -> docker.DockerClient:
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        raise ToolError(
            "the Docker engine of this machine does not answer",
            why=str(error),
            fix="start it, or build on the manager: leave `--builder local` out",
        ) from error
    return client
