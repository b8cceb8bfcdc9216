"""From what the AWS API holds to what Docker should run: pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from beeyard.sandbox import (
    acme,
    api_gate,
    database,
    edge,
    files,
    firewall,
    hub,
    instances,
    metadata,
    names,
)
from beeyard.sandbox.container import Container
from beeyard.sandbox.edge import Bind
from beeyard.sandbox.firewall import Firewall, Guarded
from beeyard.sandbox.metadata import Metadata
from beeyard.sandbox.names import Names
from beeyard.sandbox.spec import Addresses
from beeyard.sandbox.state import Problem, Request
from beeyard.sandbox.world import DatabaseInstance, World


@dataclass(frozen=True)
class Desired:
    """Everything that should be. `databases` are keyed by their container's `thing`."""

    containers: tuple[Container, ...]
    volumes: frozenset[str]
    binds: tuple[Bind, ...]
    names: Names
    metadata: Metadata
    firewall: Firewall
    databases: Mapping[str, DatabaseInstance] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Setting:
    """What does not change while a sandbox lives."""

    request: Request
    addresses: Addresses
    folder: Path
    upstream: tuple[str, ...]


def desired(setting: Setting, world: World, database_indexes: Mapping[str, int]) -> Desired:
    """What should be, given the API's content and the databases' places among the addresses."""
    request, addresses = setting.request, setting.addresses
    real, problems = _possible(world, addresses)
    places = {
        database.thing(one): addresses.database(database_indexes[database.thing(one)])
        for one in real.databases
    }
    containers = (*_services(setting), *_tenants(setting, real, places))
    shared = {files.volume(request.spec.name, one) for one in real.file_systems}
    endpoints = {one.endpoint: places[database.thing(one)] for one in real.databases}
    return Desired(
        containers=containers,
        volumes=frozenset(shared | {name for one in containers for name in one.volumes}),
        binds=edge.binds(real, request.http_port, request.https_port),
        names=names.names(request.spec, addresses, real, endpoints, setting.upstream),
        metadata=Metadata(real.region, real.instances, real.elastic_ips),
        firewall=Firewall(addresses, tuple(_guarded(real, places)), real.groups),
        databases={database.thing(one): one for one in real.databases},
        problems=problems,
    )


def _services(setting: Setting) -> tuple[Container, ...]:
    images, folder = setting.request.images, setting.folder
    return (
        names.container(images.services, folder / names.FOLDER, setting.addresses),
        hub.container(images.hub, setting.addresses),
        acme.container(images.services, folder / acme.FOLDER, setting.addresses),
        edge.container(images.services, folder / edge.FOLDER),
        firewall.container(images.services, setting.addresses),
        api_gate.container(images.services, folder / api_gate.FOLDER, setting.addresses),
        metadata.container(images.node, folder / metadata.FOLDER, setting.addresses),
    )


def _tenants(setting: Setting, world: World, places: Mapping[str, str]) -> tuple[Container, ...]:
    request, name = setting.request, setting.request.spec.name
    shared = setting.folder / files.FOLDER
    return (
        *(
            instances.container(
                name, setting.addresses, one, request.images.node, request.node_form, shared
            )
            for one in world.instances
        ),
        *(
            files.container(name, one, request.images.services, shared)
            for one in world.mount_targets
        ),
        *(
            database.container(name, one, places[database.thing(one)], request.images.mariadb)
            for one in world.databases
        ),
    )


def _guarded(world: World, places: Mapping[str, str]) -> Iterator[Guarded]:
    for one in world.instances:
        yield Guarded(one.id, one.private_ip, one.groups)
    for target in world.mount_targets:
        yield Guarded(target.id, target.address, target.groups)
    for each in world.databases:
        yield Guarded(database.thing(each), places[database.thing(each)], each.groups)


def _possible(world: World, addresses: Addresses) -> tuple[World, tuple[Problem, ...]]:
    """The part of the world that can be made real, and what can't, with why."""
    outside = {one.id: one.private_ip for one in world.instances if one.private_ip not in addresses}
    outside |= {one.id: one.address for one in world.mount_targets if one.address not in addresses}
    strange = {
        one.identifier: one.engine for one in world.databases if one.engine not in database.ENGINES
    }
    real = World(
        region=world.region,
        instances=tuple(one for one in world.instances if one.id not in outside),
        elastic_ips=world.elastic_ips,
        file_systems=world.file_systems,
        mount_targets=tuple(one for one in world.mount_targets if one.id not in outside),
        databases=tuple(one for one in world.databases if one.identifier not in strange),
        records=world.records,
        groups=world.groups,
    )
    return real, (
        *(
            Problem(f"{id_} is only recorded", f"{address} is not in the VPC {addresses.network}")
            for id_, address in outside.items()
        ),
        *(
            Problem(f"database {one.identifier} is MariaDB", "the sandbox has no MySQL server")
            for one in real.databases
            if one.engine == "mysql"
        ),
        *(
            Problem(f"database {id_} is only recorded", f"the sandbox has no engine {engine}")
            for id_, engine in strange.items()
        ),
    )
