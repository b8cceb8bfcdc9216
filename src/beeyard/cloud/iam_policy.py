"""The least rights that a cluster takes of AWS's IAM, with why each is needed. Pure.

Each right is one that Terraform or beeyard was seen to use, in tests against moto, or one that AWS
or the provider's newer versions take besides, by their documentation: those have a mark.
`docs/iam.md` tells of both; `tests/cloud/test_iam_policy.py` holds them to it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beeyard.cloud import iam_rights as rights
from beeyard.cloud.iam_rights import Right
from beeyard.cloud.projects import ecr_repositories, lent_repositories, partition_of
from beeyard.config import ClusterSpec

#: Characters without white space that a managed policy of IAM may have.
#: Source: AWS IAM user guide, "IAM and AWS STS quotas".
LIMIT = 6144
_TAG = "beeyard:cluster"


@dataclass(frozen=True)
class Statement:
    """Some rights on some resources, under conditions as IAM writes them."""

    sid: str
    rights: tuple[Right, ...]
    resources: tuple[str, ...]
    conditions: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        condition = {"Condition": dict(self.conditions)} if self.conditions else {}
        return {
            "Sid": self.sid,
            "Effect": "Allow",
            "Action": sorted({right.action for right in self.rights}),
            "Resource": list(self.resources),
            **condition,
        }


@dataclass(frozen=True)
class _Names:
    """How resources of this cluster are called in IAM. The account is whichever has the policy."""

    partition: str
    region: str
    cluster: str

    def arn(self, service: str, rest: str, *, region: bool = True) -> str:
        return f"arn:{self.partition}:{service}:{self.region if region else ''}:*:{rest}"

    @property
    def bucket(self) -> str:
        # An account's ID has twelve digits: no bucket of a cluster `NAME-more` is meant.
        return f"arn:{self.partition}:s3:::beeyard-{self.cluster}-{'?' * 12}-{self.region}"

    @property
    def ours(self) -> Mapping[str, Mapping[str, Any]]:
        return {"StringEquals": {f"aws:ResourceTag/{_TAG}": self.cluster}}

    @property
    def becoming_ours(self) -> Mapping[str, Mapping[str, Any]]:
        return {"StringEquals": {f"aws:RequestTag/{_TAG}": self.cluster}}


def statements(spec: ClusterSpec) -> tuple[Statement, ...]:
    """What this cluster takes, from its first `up` to `down --purge`."""
    names = _Names(partition_of(spec.region), spec.region, spec.name)
    return (
        *_state(names),
        *_network_and_nodes(spec, names),
        *_roles(spec, names),
        *_files(names),
        *(_database(names) if spec.database else ()),
        *(_records(spec, names) if spec.dns else ()),
        *_images(spec),
        *(_aws_backup(names) if spec.backups.aws_backup_days else ()),
    )


def document(found: Iterable[Statement]) -> dict[str, Any]:
    """A policy as IAM takes it."""
    return {"Version": "2012-10-17", "Statement": [one.document() for one in found]}


def documents(spec: ClusterSpec, limit: int = LIMIT) -> tuple[dict[str, Any], ...]:
    """The policy, in as many documents as IAM's limit asks for: all of them are needed."""
    parts: list[list[Statement]] = [[]]
    for one in statements(spec):
        if length(document([*parts[-1], one])) > limit:
            parts.append([])
        parts[-1].append(one)
    return tuple(map(document, parts))


def length(policy: Mapping[str, Any]) -> int:
    """As IAM counts it: without white space."""
    return len("".join(json.dumps(policy).split()))


def _state(names: _Names) -> Iterator[Statement]:
    yield Statement("StateBucket", rights.BUCKET, (names.bucket,))
    yield Statement("States", rights.OBJECTS, (f"{names.bucket}/*",))


def _network_and_nodes(spec: ClusterSpec, names: _Names) -> Iterator[Statement]:
    nat = spec.workers.egress == "nat"

    def ec2(*kinds: str) -> tuple[str, ...]:
        return tuple(names.arn("ec2", f"{kind}/*") for kind in kinds)

    look = rights.EC2_LOOK + (rights.NAT_LOOK if nat else ())
    yield Statement("Look", look, ("*",))
    # What is made is tagged as ours in the same call; what it is made in is ours already.
    make = rights.EC2_MAKE + (rights.NAT_MAKE if nat else ())
    yield Statement("Make", make, ec2("*"), names.becoming_ours)
    # Without the second condition, anything in the account could be made ours.
    tagged = {**names.becoming_ours, "StringLike": {"ec2:CreateAction": "*"}}
    yield Statement("Tag", rights.TAG, ec2("*"), tagged)
    within = rights.EC2_MAKE_WITHIN + (rights.NAT_MAKE if nat else ())
    change = rights.EC2_CHANGE + (rights.NAT_CHANGE if nat else ())
    yield Statement("Change", within + change, ec2("*"), names.ours)
    yield Statement("Console", rights.CONSOLE, ec2("instance"), names.ours)
    # A node's volume and interface have no tags of ours, and its image is Debian's.
    image = f"arn:{names.partition}:ec2:{names.region}::image/*"
    yield Statement("NodeParts", rights.RUN, (image, *ec2("network-interface", "volume")))
    yield Statement("Volumes", rights.VOLUMES, ec2("volume"))
    interfaces = rights.INTERFACES + rights.EFS_INTERFACES
    yield Statement("Interfaces", interfaces, ec2("network-interface"))
    # EFS makes its interfaces in our subnets, with our groups.
    place = ec2("subnet", "security-group")
    yield Statement("MountTargets", rights.EFS_INTERFACES[:1], place, names.ours)


def _roles(spec: ClusterSpec, names: _Names) -> Iterator[Statement]:
    def named(kind: str) -> tuple[str, ...]:
        return tuple(
            names.arn("iam", f"{kind}/{names.cluster}-{role}-*", region=False)
            for role in ("manager", "node")
        )

    roles = rights.ROLES + (rights.ROLE_POLICIES if _lends(spec) else ())
    yield Statement("Roles", roles, named("role"))
    yield Statement("Profiles", rights.PROFILES, named("instance-profile"))
    service = f"ec2.amazonaws.com{'.cn' if names.partition == 'aws-cn' else ''}"
    passed = {"StringEquals": {"iam:PassedToService": service}}
    yield Statement("PassRoles", rights.PASS, named("role"), passed)
    services = ("elasticfilesystem", *(("rds",) if spec.database else ()))
    linked = [f"role/aws-service-role/{name}.amazonaws.com/*" for name in services]
    places = tuple(names.arn("iam", one, region=False) for one in linked)
    yield Statement("ServiceRoles", rights.LINKED_ROLES, places)


def _files(names: _Names) -> Iterator[Statement]:
    place = (names.arn("elasticfilesystem", "file-system/*"),)
    yield Statement("MakeFiles", rights.EFS_MAKE, ("*",), names.becoming_ours)
    made = {"StringLike": {"elasticfilesystem:CreateAction": "*"}}
    yield Statement("TagFiles", rights.EFS_TAG, place, {**names.becoming_ours, **made})
    yield Statement("Files", rights.EFS, place, names.ours)
    yield Statement("LookAtFiles", rights.EFS_LOOK, ("*",))


def _database(names: _Names) -> Iterator[Statement]:
    cluster = names.cluster
    kinds = (f"db:{cluster}", f"subgrp:{cluster}-*", f"pg:{cluster}-*", f"snapshot:{cluster}-*")
    places = tuple(names.arn("rds", one) for one in (*kinds, "og:default:*"))
    yield Statement("Database", rights.RDS, places)
    yield Statement("LookAtDatabases", rights.RDS_LOOK, ("*",))


def _records(spec: ClusterSpec, names: _Names) -> Iterator[Statement]:
    zone = f"arn:{names.partition}:route53:::hostedzone/*"
    # As Route 53 normalizes them: source: its developer guide, "Using IAM policy conditions for
    # fine-grained access control".
    domains = [spec.domain, f"\\052.{spec.domain}"]
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    yield Statement(
        "Records", rights.RECORDS, (zone,), {"ForAllValues:StringEquals": {key: domains}}
    )
    change = f"arn:{names.partition}:route53:::change/*"
    yield Statement("LookAtZones", rights.ZONES, ("*",))
    yield Statement("LookAtZone", rights.ZONE, (zone, change))


def _images(spec: ClusterSpec) -> Iterator[Statement]:
    repositories = ecr_repositories(spec)
    if repositories is None:
        return
    yield Statement("SignIn", rights.ECR_SIGN_IN, ("*",))
    yield Statement("Pull", rights.ECR_PULL, tuple(repositories["pull"]))
    if repositories["push"]:
        yield Statement("Push", rights.ECR_PUSH, tuple(repositories["push"]))


def _lends(spec: ClusterSpec) -> bool:
    """Whether managers have rights of their own."""
    return lent_repositories(spec) is not None or spec.backups.is_scheduled


def _aws_backup(names: _Names) -> Iterator[Statement]:
    role = (names.arn("iam", f"role/{names.cluster}-backup-*", region=False),)
    yield Statement("BackupRole", rights.BACKUP_ROLE, role)
    # Without the condition, any policy of the account could be given to a role of that name.
    aws_own = f"arn:{names.partition}:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor"
    given = {"ArnEquals": {"iam:PolicyARN": [f"{aws_own}Backup", f"{aws_own}Restores"]}}
    yield Statement("BackupRolePolicies", rights.BACKUP_ROLE_POLICIES, role, given)
    passed = {"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}}
    yield Statement("PassBackupRole", rights.BACKUP_PASS, role, passed)
    yield Statement("BackupPlans", rights.BACKUP_PLANS, (names.arn("backup", "backup-plan:*"),))
    vault = (names.arn("backup", f"backup-vault:beeyard-{names.cluster}"),)
    yield Statement("BackupVault", rights.BACKUP_VAULT, vault)
    yield Statement("BackupStorage", rights.BACKUP_STORAGE, ("*",))
    by_backup = {"StringLike": {"kms:ViaService": "backup.*"}}
    keys = (names.arn("kms", "key/*"),)
    yield Statement("BackupKey", rights.BACKUP_KEY, keys, by_backup)
    yield Statement("BackupGrants", rights.BACKUP_GRANTS, keys)
