"""An application's rollout: its image built and pushed, its stack deployed and waited for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import docker

from beeyard.apps import (
    AppUrl,
    Builder,
    BuildPlan,
    BuiltImage,
    Context,
    Credentials,
    Deployment,
    LocalBuilder,
    ManagerBuilder,
    app_urls,
    build_ahead,
    deploy,
    ensure_image,
    load_stack,
    registry_login,
    render,
)
from beeyard.config import Application, ClusterSpec, ExternalRegistry
from beeyard.errors import AppError, ToolError
from beeyard.process import Command
from beeyard.swarm import Manager
from beeyard.workflows.applications import from_environment
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.progress import Phase

Where = Literal["manager", "local"]


@dataclass(frozen=True)
class Rollout:
    """One application on its way to the cluster."""

    cluster: Cluster
    hosts: Hosts
    manager: Manager
    name: str

    @property
    def application(self) -> Application:
        return self.cluster.spec.applications[self.name]

    def run(self, phase: Phase, where: Where = "manager") -> Deployment:
        """Build what is to be built, deploy, and wait until it runs."""
        images = self.build(phase, where)
        stack = load_stack(self.application.stack_file(self.cluster.base))
        capabilities = self.manager.snapshot().capabilities
        rendered = render(
            stack,
            image_for={service: image.reference for service, image in images.items()},
            capabilities=capabilities,
        )
        for adaptation in rendered.adaptations:
            phase.say(adaptation)
        done = deploy(
            self.name,
            rendered,
            runner=self.hosts.manager,
            manager=self.manager,
            env=variables(self.cluster.spec, self.name),
            progress=lambda seen: phase.say(
                f"{seen.service}: {seen.running}/{seen.wanted} {seen.note}".rstrip()
            ),
        )
        built = sum(image.built for image in images.values())
        phase.result = f"{built} built, {len(done.changes)} services changed"
        return done

    def build_ahead(self, phase: Phase, where: Where) -> None:
        """Have the images on the manager's engine before there is a registry to push them to."""
        builder = self._builder(where)
        for plan in self._plans(registry_place(self.cluster.spec)).values():
            build_ahead(plan, builder=builder, manager=self.manager.client, lines=phase.say)

    def build(self, phase: Phase, where: Where) -> dict[str, BuiltImage]:
        """See to it that the registry has the image of every service that is built here."""
        place = registry_place(self.cluster.spec)
        plans = self._plans(place)
        if not plans:
            return {}
        credentials, builder = self._login(place), self._builder(where)
        return {
            service: ensure_image(
                plan,
                builder=builder,
                manager=self.manager.client,
                credentials=credentials,
                lines=phase.say,
            )
            for service, plan in plans.items()
        }

    def _plans(self, registry: str) -> dict[str, BuildPlan]:
        """What is to be built, by service."""
        stack = load_stack(self.application.stack_file(self.cluster.base))
        return {
            service: BuildPlan.of(
                Context.of(stack.path.parent, recipe),
                registry,
                self.name if len(stack.builds) == 1 else f"{self.name}-{service}",
            )
            for service, recipe in stack.builds.items()
        }

    def _login(self, place: str) -> Credentials | None:
        host = place.split("/", maxsplit=1)[0]
        registry = self.cluster.spec.registry
        if isinstance(registry, ExternalRegistry):
            return self._sign_in(host, registry)
        login = registry_login(self.hosts.manager, host, (self.cluster.spec.ssh.user,))
        if login is None:
            raise AppError(
                f"the first manager is not signed in to {place}",
                fix="run `beeyard provision --tags deploy_infra`, then this again",
            )
        return login

    def _sign_in(self, host: str, registry: ExternalRegistry) -> Credentials | None:
        """Sign the first manager in to a registry outside, with what the operator's environment
        says: `docker stack deploy` hands the sign-in on to the nodes that pull."""
        if not registry.username_env or not registry.password_env:
            return None
        user, password = (
            from_environment(name, where=f"registry {registry.host}")
            for name in (registry.username_env, registry.password_env)
        )
        argv = ["docker", "login", host, "--username", user.reveal(), "--password-stdin"]
        self.hosts.manager.run(Command(argv, input=password.reveal().encode(), timeout=60))
        return Credentials(user.reveal(), password)

    def _builder(self, where: Where) -> Builder:
        if where == "manager":
            return ManagerBuilder(self.manager.client)
        return LocalBuilder(_local_engine(), self.manager.client)


def registry_place(spec: ClusterSpec) -> str:
    """Where images are pushed: host, and path where there is one."""
    if isinstance(spec.registry, ExternalRegistry):
        return spec.registry.host
    return f"registry.{spec.domain}"


def variables(spec: ClusterSpec, name: str) -> Mapping[str, str]:
    """What `${…}` in an application's stack file is filled with."""
    return {"DOMAIN": spec.domain, "STACK": name, **spec.applications[name].environment}


def urls_of(spec: ClusterSpec, base: Path, https_port: int) -> list[AppUrl]:
    """Every application's addresses, as its stack file routes them."""
    return [
        url
        for name, application in spec.applications.items()
        for url in app_urls(
            load_stack(application.stack_file(base)), variables(spec, name), https_port
        )
    ]


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
