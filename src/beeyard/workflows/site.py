"""A cluster as applications see it: the seams that `apps` works by, and their addresses."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from docker import DockerClient

from beeyard.apps import AppUrl, Credentials, Release, Site, Stack, app_urls, load_stack
from beeyard.config import ClusterSpec, ExternalRegistry
from beeyard.config.check import given
from beeyard.process import Runner
from beeyard.swarm import Manager, Tunnel
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.images import Images, registry_place


def site_of(hosts: Hosts, manager: Manager, application: str) -> Site:
    """The seams to the cluster of `hosts`, whose manager's tunnel is open."""
    images = Images(hosts.cluster, hosts, manager, application)

    ending = hosts.cluster.ending_auth
    kept = cache(images.credentials)

    def credentials(registry: str) -> Credentials | None:
        # One that ends is asked for each time.
        return ending.credentials() if ending and ending.host == registry else kept(registry)

    @contextmanager
    def engine(node: str) -> Iterator[DockerClient]:
        with Tunnel(hosts.cluster.runner, hosts.files.ssh_config, node) as tunnel:
            yield tunnel.client

    def node(name: str) -> Runner:
        return hosts.run_on(name, sudo=True)

    spec = hosts.cluster.spec
    own = None if isinstance(spec.registry, ExternalRegistry) else registry_place(spec)
    unkept = frozenset({ending.host} if ending else ())
    clock = hosts.cluster.clock
    return Site(manager, hosts.manager, node, engine, credentials, clock, own, unkept)


def release_urls(release: Release, https_port: int) -> list[AppUrl]:
    """A release's addresses, as its stack file routes them."""
    stack = Stack(Path(f"release {release.number}"), release.bundle.document)
    return app_urls(stack, release.bundle.environment, https_port)


def urls_of(spec: ClusterSpec, base: Path, https_port: int) -> list[AppUrl]:
    """Every application's addresses."""
    return [
        url
        for name, application in spec.applications.items()
        for url in app_urls(load_stack(application.stack_file(base)), given(spec, name), https_port)
    ]
