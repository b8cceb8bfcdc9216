"""The Terraform root projects: their order, and the variables that each gets. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beeyard.cloud import backup_vault
from beeyard.config import ClusterSpec, ExternalRegistry, nodes

#: Projects in waves: those of one wave read only what earlier waves made, and may run at once.
WAVES: tuple[tuple[str, ...], ...] = (
    ("elastic_ips",),
    ("swarm_cluster",),
    ("efs", "database", "dns"),
)

#: Which part of AWS a region is in, by the start of its name; the others are in `aws`.
#: Source: AWS reference guide, "Amazon Resource Names".
_PARTITIONS = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}

ALL: tuple[str, ...] = tuple(project for wave in WAVES for project in wave)


@dataclass(frozen=True)
class Context:
    """What the variables need beyond `beeyard.yml`. `operator` is the target's."""

    state_bucket: str
    ssh_public_key: str
    operator: str | None = None


def waves(spec: ClusterSpec) -> tuple[tuple[str, ...], ...]:
    """The waves with the projects that this cluster wants."""
    unwanted = {
        project
        for project, section in (("database", spec.database), ("dns", spec.dns))
        if section is None
    }
    wanted = tuple(tuple(name for name in wave if name not in unwanted) for wave in WAVES)
    return tuple(wave for wave in wanted if wave)


def wanted(spec: ClusterSpec) -> tuple[str, ...]:
    """The projects that this cluster wants, in the order in which they are applied."""
    return tuple(project for wave in waves(spec) for project in wave)


def variables(spec: ClusterSpec, context: Context) -> dict[str, dict[str, Any]]:
    """The content of `terraform.tfvars.json` of each project that this cluster wants."""
    common = {
        "name": spec.name,
        "region": spec.region,
        "state_bucket": context.state_bucket,
        "tags": {},
    }
    own: dict[str, Mapping[str, Any]] = {
        "elastic_ips": {"managers": _names(spec, "manager")},
        "swarm_cluster": _swarm_cluster(spec, context),
        "efs": {"backup": _aws_backup(spec)},
        "database": _database(spec),
        "dns": {"zone": spec.dns.zone, "domain": spec.domain} if spec.dns else {},
    }
    return {project: {**common, **own[project]} for project in wanted(spec)}


def _names(spec: ClusterSpec, role: str) -> list[str]:
    return [name for name, node in nodes(spec).items() if node.role == role]


def _swarm_cluster(spec: ClusterSpec, context: Context) -> Mapping[str, Any]:
    return {
        "vpc_cidr": str(spec.vpc_cidr),
        "zones": list(spec.zones),
        "managers": _nodes(spec, "manager"),
        "workers": _nodes(spec, "worker"),
        "workers_egress": spec.workers.egress,
        "ssh_user": spec.ssh.user,
        "ssh_public_key": context.ssh_public_key,
        "ssh_authorized_keys": sorted(spec.ssh.operators.values()),
        "ssh_allowed_cidrs": _allowed(spec, context),
        "ami_id": spec.image.ami,
        "architecture": spec.image.architecture,
        "root_volume_size": spec.image.root_volume_gib,
        "ecr": lent_repositories(spec),
        "backup_objects": _backup_objects(spec, context.state_bucket),
    }


def _allowed(spec: ClusterSpec, context: Context) -> list[str]:
    allowed = [str(cidr) for cidr in spec.ssh.allowed_cidrs]
    return [*allowed, *([context.operator] if context.operator else [])]


def _aws_backup(spec: ClusterSpec) -> Mapping[str, Any] | None:
    """AWS Backup's plan for the shared files: once a day, at the first time of the schedule."""
    days = spec.backups.aws_backup_days
    if not days:
        return None
    hour, minute = (min(spec.backups.times) if spec.backups.times else "03:00").split(":")
    return {
        "vault": backup_vault.name(spec.name),
        "schedule": f"cron({int(minute)} {int(hour)} * * ? *)",
        "days": days,
    }


def _backup_objects(spec: ClusterSpec, bucket: str) -> list[str]:
    """What the schedule's backups are made of (`beeyard.backup.store`): put by the managers."""
    if not spec.backups.is_scheduled:
        return []
    place = f"arn:{partition_of(spec.region)}:s3:::{bucket}/backups/*"
    return [f"{place}/data.age", f"{place}/manifest.json"]


def partition_of(region: str) -> str:
    """The part of AWS that a region is in."""
    return next((name for start, name in _PARTITIONS.items() if region.startswith(start)), "aws")


def ecr_repositories(spec: ClusterSpec) -> Mapping[str, list[str]] | None:
    """The repositories of Amazon ECR that applications' images are pushed to, and those beside
    them, which may be pulled. None where the registry is another."""
    registry = spec.registry
    if not isinstance(registry, ExternalRegistry) or registry.ecr is None:
        return None
    account, region = registry.ecr
    folder = registry.host.partition("/")[2]
    at = f"arn:{partition_of(region)}:ecr:{region}:{account}:repository"
    place = f"{at}/{folder}{'/' if folder else ''}"
    names = sorted(spec.applications)
    return {
        "pull": [f"{place}*"],
        "push": [f"{place}{name}{more}" for name in names for more in ("", "-*", "/*", "_*")],
    }


def lent_repositories(spec: ClusterSpec) -> Mapping[str, list[str]] | None:
    """Those that the managers have rights to: the controller pushes and pulls with them. None
    where there is no controller."""
    return ecr_repositories(spec) if spec.runs_pipelines else None


def _nodes(spec: ClusterSpec, role: str) -> dict[str, dict[str, str]]:
    return {
        name: {"zone": node.zone, "instance_type": node.type}
        for name, node in nodes(spec).items()
        if node.role == role
    }


def _database(spec: ClusterSpec) -> Mapping[str, Any]:
    database = spec.database
    if database is None:
        return {}
    return {
        "engine": database.engine,
        "engine_version": database.version,
        "instance_class": database.instance_class,
        "storage": database.storage_gib,
        "max_storage": database.max_storage_gib,
        "multi_az": database.multi_az,
        "backup_days": database.backup_days,
        "deletion_protection": database.deletion_protection,
    }
