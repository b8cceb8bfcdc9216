"""Which rights a call takes, on which resources: what IAM is asked before AWS does anything. Pure.

Source: AWS service authorization reference, "Actions, resources, and condition keys" of each
service; what a call takes besides its own right stands there as its dependent actions.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from beeyard.cloud.rights import right_of
from beeyard.sandbox.api_call import ApiCall
from beeyard.sandbox.iam import Asked

Tags = Mapping[str, str]

_READS = ("Describe", "Get", "List")
_ID = re.compile(r"([a-z]+)-[0-9a-f]{8,}")
_EC2_KINDS = {
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "i": "instance",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
}
#: What a call makes, where it is tagged in the same call.
_EC2_MADE = {
    "AllocateAddress": "elastic-ip",
    "CreateInternetGateway": "internet-gateway",
    "CreateNatGateway": "natgateway",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "ImportKeyPair": "key-pair",
    "RunInstances": "instance",
}
_RDS_KINDS = {
    "DBInstanceIdentifier": "db",
    "DBParameterGroupName": "pg",
    "DBSnapshotIdentifier": "snapshot",
    "DBSubnetGroupName": "subgrp",
}
#: What EFS does in EC2 with the caller's own rights.
#: Source: Amazon EFS API reference, "CreateMountTarget", "DeleteMountTarget".
_EFS_IN_EC2 = {
    "CreateMountTarget": (
        "CreateNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
    ),
    "DeleteMountTarget": ("DeleteNetworkInterface",),
    "ModifyMountTargetSecurityGroups": ("ModifyNetworkInterfaceAttribute",),
}
_TAG_FIELDS = ("Tags", "Tag")


@dataclass(frozen=True)
class Known:
    """What is known of resources that are there. Names as in the API.

    tags     of one, by its ID (EC2: also of a key pair by its name)
    whole    what a part belongs to: of an association, or a mount target; else the ID itself
    role     of an instance profile
    """

    account: str
    tags: Callable[[str], Tags] = lambda _: {}
    whole: Callable[[str], str] = lambda one: one
    role: Callable[[str], str] = lambda name: name


def asked_of(call: ApiCall, known: Known) -> list[Asked]:
    """All that has to be allowed. Services that are not rehearsed with rights: the call's own
    right, on anything."""
    asks = _SERVICES.get(call.service, _on_anything)
    return list(asks(_Question(call, known)))


@dataclass(frozen=True)
class _Question:
    call: ApiCall
    known: Known
    right: str = field(init=False)

    def __post_init__(self) -> None:
        call = self.call
        right = right_of(call.service, call.operation, call.parameters)
        object.__setattr__(self, "right", right)

    def arn(self, service: str, rest: str, *, region: bool = True) -> str:
        # A partition other than `aws` is only in names of regions that moto has, too.
        place = self.call.region if region else ""
        return f"arn:{_partition(self.call.region)}:{service}:{place}:{self.known.account}:{rest}"

    def of(self, resource: str, right: str | None = None, **context: Tags) -> Asked:
        """One right; `context`: tags by `ResourceTag` and `RequestTag`."""
        keys = {
            f"aws:{kind}/{key}": (value,)
            for kind, tags in context.items()
            for key, value in tags.items()
        }
        return Asked(right or self.right, resource, keys)

    @property
    def is_reading(self) -> bool:
        return self.call.operation.startswith(_READS)

    @property
    def request_tags(self) -> Tags:
        return _tags(next((self.call.parameters[f] for f in _TAG_FIELDS if f in self.call.parameters), ()))


def _on_anything(question: _Question) -> Iterator[Asked]:
    yield question.of("*")


def _ec2(question: _Question) -> Iterator[Asked]:
    if question.is_reading:
        yield question.of("*")
        return
    call = question.call
    made = _EC2_MADE.get(call.operation)
    if made:
        yield from _ec2_made(question, made)
    there = list(_ec2_there(question))
    if call.operation in {"CreateTags", "DeleteTags"}:
        new = _tags(call.parameters.get("Tags", ()))
        there = [
            Asked(one.action, one.resource, {**one.context, **question.of("", RequestTag=new).context})
            for one in there
        ]
    yield from there
    if not there and not made:
        yield question.of(question.arn("ec2", "*/*"))


def _ec2_made(question: _Question, kind: str) -> Iterator[Asked]:
    call = question.call
    given = {
        str(one.get("ResourceType")): _tags(one.get("Tags", ()))
        for one in call.parameters.get("TagSpecifications", ())
    }
    made = [kind, "volume", "network-interface"] if call.operation == "RunInstances" else [kind]
    for each in made:
        resource = question.arn("ec2", f"{each}/*")
        tags = given.get(each, {})
        yield question.of(resource, RequestTag=tags)
        if tags:
            tagging = question.of(resource, "ec2:CreateTags", RequestTag=tags)
            action = {"ec2:CreateAction": (call.operation,)}
            yield Asked(tagging.action, resource, {**tagging.context, **action})
    profile = call.parameters.get("IamInstanceProfile", {})
    if name := profile.get("Name") or profile.get("Arn", "").rpartition("/")[2]:
        yield _pass_role(question, question.known.role(name))


def _ec2_there(question: _Question) -> Iterator[Asked]:
    """What the call names, or what that is a part of."""
    seen = set()
    for word in question.call.words():
        found = _ID.fullmatch(word)
        identity = question.known.whole(word) if found else ""
        kind = _EC2_KINDS.get(identity.partition("-")[0])
        if kind and identity not in seen:
            seen.add(identity)
            # Images are of another account.
            arn = question.arn("ec2", f"{kind}/{identity}")
            if kind == "image":
                arn = arn.replace(f":{question.known.account}:", "::")
            yield question.of(arn, ResourceTag=question.known.tags(identity))
    key = question.call.parameters.get("KeyName")
    if key and question.call.operation != "ImportKeyPair":
        arn = question.arn("ec2", f"key-pair/{key}")
        yield question.of(arn, ResourceTag=question.known.tags(key))


def _iam(question: _Question) -> Iterator[Asked]:
    parameters = question.call.parameters
    operation = question.call.operation
    role, profile = parameters.get("RoleName"), parameters.get("InstanceProfileName")
    if operation == "CreateServiceLinkedRole":
        name = parameters.get("AWSServiceName", "*")
        yield question.of(
            question.arn("iam", f"role/aws-service-role/{name}/*", region=False)
        )
        return
    kind = f"instance-profile/{profile}" if profile else f"role/{role or '*'}"
    resource = question.arn("iam", kind, region=False)
    yield question.of(resource, RequestTag=question.request_tags)
    if question.request_tags and operation.startswith("Create"):
        what = "InstanceProfile" if profile else "Role"
        yield question.of(resource, f"iam:Tag{what}", RequestTag=question.request_tags)
    if operation == "AddRoleToInstanceProfile":
        yield _pass_role(question, str(role))


def _pass_role(question: _Question, role: str) -> Asked:
    resource = question.arn("iam", f"role/{role}", region=False)
    return Asked("iam:PassRole", resource, {"iam:PassedToService": ("ec2.amazonaws.com",)})


def _rds(question: _Question) -> Iterator[Asked]:
    parameters = question.call.parameters
    if question.is_reading:
        yield question.of("*")
        return
    if arn := parameters.get("ResourceName"):
        yield question.of(str(arn), RequestTag=question.request_tags)
        return
    for name, kind in _RDS_KINDS.items():
        if value := parameters.get(name):
            resource = question.arn("rds", f"{kind}:{value}")
            yield question.of(resource, RequestTag=question.request_tags)
    if question.request_tags:
        own = next(name for name in _RDS_KINDS if name in parameters)
        resource = question.arn("rds", f"{_RDS_KINDS[own]}:{parameters[own]}")
        yield question.of(resource, "rds:AddTagsToResource", RequestTag=question.request_tags)
    if final := parameters.get("FinalDBSnapshotIdentifier"):
        if question.call.operation == "DeleteDBInstance":
            for right in ("rds:CreateDBSnapshot", "rds:AddTagsToResource"):
                yield question.of(question.arn("rds", f"snapshot:{final}"), right)


def _efs(question: _Question) -> Iterator[Asked]:
    parameters, operation = question.call.parameters, question.call.operation
    if question.is_reading:
        yield question.of("*")
    elif operation == "CreateFileSystem":
        tags = question.request_tags
        yield question.of("*", RequestTag=tags)
        place = question.arn("elasticfilesystem", "file-system/*")
        tagging = question.of(place, "elasticfilesystem:TagResource", RequestTag=tags)
        action = {"elasticfilesystem:CreateAction": (operation,)}
        yield Asked(tagging.action, place, {**tagging.context, **action})
    else:
        named = parameters.get("FileSystemId") or parameters.get("MountTargetId", "")
        identity = question.known.whole(str(named or parameters.get("ResourceId", "")))
        place = question.arn("elasticfilesystem", f"file-system/{identity}")
        tags = question.known.tags(identity)
        yield question.of(place, ResourceTag=tags, RequestTag=question.request_tags)
    for right in _EFS_IN_EC2.get(operation, ()):
        reads = right.startswith(_READS)
        interface = question.arn("ec2", "network-interface/*")
        yield question.of("*" if reads else interface, f"ec2:{right}")


def _route53(question: _Question) -> Iterator[Asked]:
    parameters = question.call.parameters
    identity = str(parameters.get("HostedZoneId") or parameters.get("Id") or parameters.get("ResourceId") or "")
    if not identity:
        yield question.of("*")
        return
    kind = "change" if question.call.operation == "GetChange" else "hostedzone"
    resource = f"arn:{_partition(question.call.region)}:route53:::{kind}/{identity.rpartition('/')[2]}"
    changes = parameters.get("ChangeBatch", {}).get("Changes", ())
    names = tuple(_normalized(one["ResourceRecordSet"]["Name"]) for one in changes)
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    yield Asked(question.right, resource, {key: names} if names else {})


def _s3(question: _Question) -> Iterator[Asked]:
    bucket, key = question.call.parameters.get("Bucket"), question.call.parameters.get("Key")
    path = f"{bucket or '*'}/{key}" if key else str(bucket or "*")
    if question.call.operation == "DeleteObjects":
        path = f"{bucket}/*"
    yield question.of(f"arn:{_partition(question.call.region)}:s3:::{path}")


_SERVICES: Mapping[str, Callable[[_Question], Iterator[Asked]]] = {
    "ec2": _ec2,
    "elasticfilesystem": _efs,
    "iam": _iam,
    "rds": _rds,
    "route53": _route53,
    "s3": _s3,
}


def _tags(given: Any) -> Tags:
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    return {str(one["Key"]): str(one.get("Value", "")) for one in given}


def _normalized(name: str) -> str:
    return name.lower().removesuffix(".").replace("*", "\\052")


def _partition(region: str) -> str:
    from beeyard.cloud.projects import partition_of  # noqa: PLC0415

    return partition_of(region)
