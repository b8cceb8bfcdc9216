"""`ClusterSpec`: what `beeyard.yml` says, complete and consistent.

A rule that takes in two fields belongs to the later one, as a field validator that looks at
`info.data`: so it speaks even where other fields are wrong, and every mistake is found at once.
"""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from beeyard.config.backups import Backups
from beeyard.config.names import ApplicationName, ClusterName, Domain, Region, Zone
from beeyard.config.network import MOST_ZONES, VpcCidr, room_for_workers
from beeyard.config.refusal import Wrong, refusal, refuse_all
from beeyard.config.sections import (
    Application,
    ClusterRegistry,
    Database,
    Dns,
    Efs,
    Image,
    Ingress,
    Managers,
    Pipelines,
    Registry,
    Section,
    Ssh,
    Workers,
)

InfrastructureService = Literal["registry", "portainer", "ci"]
#: All of them.
INFRASTRUCTURE: tuple[str, ...] = get_args(InfrastructureService)

# What S3 takes as the name of a bucket.
_LONGEST_BUCKET = 63


def _first_zones(data: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(f"{data['region']}{letter}" for letter in "abc")


class ClusterSpec(Section):
    """A cluster as its users want it."""

    name: ClusterName = Field(
        description="Names everything in the cloud. Changing it later means another cluster.",
        examples=["timeoff"],
    )
    domain: Domain = Field(
        description="Dashboards and applications answer at names below it.",
        examples=["example.com"],
    )
    region: Region = Field(description="AWS region.", examples=["eu-central-1"])
    zones: tuple[Zone, ...] = Field(
        default_factory=_first_zones,
        strict=False,
        min_length=1,
        max_length=MOST_ZONES,
        description="Availability zones of the region, one to five, over which nodes are "
        "spread; left out: "
        "a, b and c. Append, don't reorder: the order decides the subnets.",
    )
    vpc_cidr: VpcCidr = Field(
        default="10.20.0.0/16",
        description="The network's private IPv4 block, /16 to /22; it can't be changed later.",
    )
    managers: Managers = Field(
        default=Managers(), description="The nodes that hold the Swarm's state and the way in."
    )
    workers: Workers = Field(default=Workers(), description="The nodes that run applications.")
    image: Image = Field(default=Image(), description="What nodes boot from.")
    ssh: Ssh = Field(
        description="How operators reach the nodes.",
        examples=[{"allowed_cidrs": ["203.0.113.0/24"]}],
    )
    efs: Efs = Field(default=Efs(), description="The shared file system.")
    database: Database | None = Field(
        default=None, description="The database server on RDS; null: none."
    )
    backups: Backups = Field(
        default=Backups(), description="When backups are taken, and which are kept."
    )
    dns: Dns | None = Field(
        default=None,
        description="Where the records are made; null: `up` prints the records for you to make.",
    )
    registry: Registry = Field(
        default=ClusterRegistry(),
        description="Where images are pushed to: kind cluster or external.",
    )
    ingress: Ingress = Field(
        description="The way in.", examples=[{"acme": {"email": "ops@example.com"}}]
    )
    infrastructure: tuple[InfrastructureService, ...] = Field(
        ("registry", "portainer"),
        strict=False,
        description="Which of the optional services run: registry, portainer, ci (pipelines and "
        "the git remote). Traefik always does.",
    )
    pipelines: Pipelines = Field(
        default=Pipelines(), description="Where pipelines run, and with how much."
    )
    applications: Mapping[ApplicationName, Application] = Field(
        default={}, description="The applications by name."
    )

    @field_validator("region")
    @classmethod
    def _check_bucket(cls, region: str, info: ValidationInfo) -> str:
        name = info.data.get("name")
        # As `cloud.state_bucket` names it; an account's ID has twelve digits.
        room = _LONGEST_BUCKET - len(f"beeyard--{12 * '0'}-{region}")
        if name is not None and len(name) > room:
            raise refusal(
                Wrong(
                    f"name `{name}` is too long for a cluster in {region}",
                    f"Use a name of {room} characters at most.",
                    "It is part of the state bucket's name, as are the account and the region, and "
                    f"S3 takes {_LONGEST_BUCKET} characters.",
                )
            )
        return region

    @field_validator("zones")
    @classmethod
    def _check_zones(cls, zones: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        region = info.data.get("region")
        strangers = (
            Wrong(f"`{zone}` is not in region {region}", f"Such as `{region}a`.", at=(index,))
            for index, zone in enumerate(zones)
            if region is not None and not re.fullmatch(re.escape(region) + r"(-.+)?[a-z]", zone)
        )
        refuse_all([*strangers, *_repeated(zones)])
        return zones

    @field_validator("workers")
    @classmethod
    def _check_room(cls, workers: Workers, info: ValidationInfo) -> Workers:
        cidr, zones = info.data.get("vpc_cidr"), info.data.get("zones")
        if cidr is None or zones is None:
            return workers
        room = room_for_workers(cidr, zones)
        if workers.count > room:
            raise refusal(
                Wrong(
                    f"{workers.count} workers don't fit into {cidr}, which has room for {room}",
                    "Use fewer, or a larger vpc_cidr for a new cluster.",
                    at=("count",),
                )
            )
        return workers

    @field_validator("image")
    @classmethod
    def _check_architecture(cls, image: Image, info: ValidationInfo) -> Image:
        pools = {pool: info.data.get(pool) for pool in ("managers", "workers")}
        wrong = [
            f"{pool}.type {nodes.type} is {_architecture(nodes.type)}"
            for pool, nodes in pools.items()
            if nodes is not None and _architecture(nodes.type) != image.architecture
        ]
        if wrong:
            raise refusal(
                Wrong(
                    f"{image.architecture} doesn't fit: {', '.join(wrong)}",
                    "Make them agree: `x86_64` with `t3.small`, `arm64` with `t4g.small`.",
                    at=("architecture",),
                )
            )
        return image

    @field_validator("database")
    @classmethod
    def _check_two_zones(cls, database: Database | None, info: ValidationInfo) -> Database | None:
        zones = info.data.get("zones")
        if database is not None and zones is not None and len(zones) < 2:
            raise refusal(
                Wrong(
                    "a database needs two zones, and `zones` names one",
                    f"Add a second zone to `zones`: `{zones[0][:-1]}b`.",
                    "RDS takes subnets in two zones or more, with Multi-AZ or without.",
                )
            )
        return database

    @field_validator("dns")
    @classmethod
    def _check_zone_of_domain(cls, dns: Dns | None, info: ValidationInfo) -> Dns | None:
        domain = info.data.get("domain")
        if dns is None or domain is None or f".{domain}".endswith(f".{dns.zone}"):
            return dns
        raise refusal(
            Wrong(
                f"domain `{domain}` is not in zone `{dns.zone}`",
                "Name the hosted zone that is the domain or above it.",
                "Records can only be made in the zone that holds their names.",
                at=("zone",),
            )
        )

    @field_validator("infrastructure")
    @classmethod
    def _check_services(
        cls, services: tuple[InfrastructureService, ...]
    ) -> tuple[InfrastructureService, ...]:
        refuse_all(_repeated(services))
        return services

    @field_validator("pipelines")
    @classmethod
    def _check_pipeline_nodes(cls, pipelines: Pipelines, info: ValidationInfo) -> Pipelines:
        managers, workers = info.data.get("managers"), info.data.get("workers")
        if managers is None or workers is None:
            return pipelines
        known = node_names(managers.count, workers.count)
        refuse_all(
            [
                *(
                    Wrong(
                        f"there is no node `{name}`",
                        f"Name some of {', '.join(known)}.",
                        at=("nodes", index),
                    )
                    for index, name in enumerate(pipelines.nodes)
                    if name not in known
                ),
            ]
        )
        return pipelines

    @property
    def runs_pipelines(self) -> bool:
        """Whether the cluster has pipelines, the git remote and the audit log."""
        return "ci" in self.infrastructure

    @property
    def pipeline_nodes(self) -> tuple[str, ...]:
        """The nodes that pipelines run on: those that are named, else the last one."""
        known = node_names(self.managers.count, self.workers.count)
        return self.pipelines.nodes or known[-1:]


def node_names(managers: int, workers: int) -> tuple[str, ...]:
    """The names of a cluster's nodes: managers, then workers."""
    return (
        *(f"manager-{number}" for number in range(1, managers + 1)),
        *(f"worker-{number}" for number in range(1, workers + 1)),
    )


def _repeated(values: tuple[str, ...]) -> list[Wrong]:
    """One `Wrong` for each value that stood there before."""
    seen: Counter[str] = Counter()
    wrong = []
    for index, value in enumerate(values):
        if seen[value]:
            wrong.append(Wrong(f"`{value}` is named twice", "Name it once.", at=(index,)))
        seen[value] += 1
    return wrong


def _architecture(instance_type: str) -> str:
    """Processor architecture of an EC2 type: AWS's own chips have a `g` after the generation."""
    family = instance_type.split(".", maxsplit=1)[0]
    graviton = family == "a1" or re.fullmatch(r"[a-z]+[0-9]+g[a-z-]*", family)
    return "arm64" if graviton else "x86_64"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of `beeyard.yml`, for editors that complete the file."""
    schema = ClusterSpec.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "beeyard.yml",
    }
