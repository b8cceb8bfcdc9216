"""Which rights a call takes, on which resources: what IAM is asked before AWS does anything. Pure.

Source: AWS service authorization reference, "Actions, resources, and condition keys" of each
service; what a call takes besides its own right stands there as its dependent actions.
"""

from collections.abc import Callable, Iterator, Mapping

from beeyard.sandbox.api_call import ApiCall
from beeyard.sandbox.iam import ANY, Asked
from beeyard.sandbox.iam_asked_ec2 import asked_of_ec2
from beeyard.sandbox.iam_question import READS, Known, Question, pass_role

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


def asked_of(call: ApiCall, known: Known) -> list[Asked]:
    """All that has to be allowed. Services that are not rehearsed with rights: the call's own
    right, on anything."""
    asks = _SERVICES.get(call.service, _on_anything)
    return list(asks(Question(call, known)))


def _on_anything(question: Question) -> Iterator[Asked]:
    yield question.of(ANY)


def _iam(question: Question) -> Iterator[Asked]:
    parameters = question.call.parameters
    operation = question.call.operation
    role, profile = parameters.get("RoleName"), parameters.get("InstanceProfileName")
    if operation == "CreateServiceLinkedRole":
        name = parameters.get("AWSServiceName", "*")
        yield question.of(question.arn("iam", f"role/aws-service-role/{name}/*", region=False))
        return
    kind = f"instance-profile/{profile}" if profile else f"role/{role or '*'}"
    resource = question.arn("iam", kind, region=False)
    own = question.of(resource, RequestTag=question.request_tags)
    policy = parameters.get("PolicyArn")
    named = {"iam:PolicyARN": (str(policy),)} if policy else {}
    yield Asked(own.action, resource, {**own.context, **named})
    if question.request_tags and operation.startswith("Create"):
        what = "InstanceProfile" if profile else "Role"
        yield question.of(resource, f"iam:Tag{what}", RequestTag=question.request_tags)
    if operation == "AddRoleToInstanceProfile":
        yield pass_role(question, str(role))


def _rds(question: Question) -> Iterator[Asked]:
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
    yield from _last_snapshot(question)


def _last_snapshot(question: Question) -> Iterator[Asked]:
    final = question.call.parameters.get("FinalDBSnapshotIdentifier")
    if final and question.call.operation == "DeleteDBInstance":
        for right in ("rds:CreateDBSnapshot", "rds:AddTagsToResource"):
            yield question.of(question.arn("rds", f"snapshot:{final}"), right)


def _efs(question: Question) -> Iterator[Asked]:
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
        reads = right.startswith(READS)
        interface = question.arn("ec2", "network-interface/*")
        yield question.of("*" if reads else interface, f"ec2:{right}")


def _route53(question: Question) -> Iterator[Asked]:
    parameters = question.call.parameters
    identity = str(
        parameters.get("HostedZoneId") or parameters.get("Id") or parameters.get("ResourceId") or ""
    )
    if not identity:
        yield question.of("*")
        return
    kind = "change" if question.call.operation == "GetChange" else "hostedzone"
    resource = f"arn:{question.partition}:route53:::{kind}/{identity.rpartition('/')[2]}"
    changes = parameters.get("ChangeBatch", {}).get("Changes", ())
    names = tuple(_normalized(one["ResourceRecordSet"]["Name"]) for one in changes)
    key = "route53:ChangeResourceRecordSetsNormalizedRecordNames"
    yield Asked(question.right, resource, {key: names} if names else {})


def _s3(question: Question) -> Iterator[Asked]:
    bucket, key = question.call.parameters.get("Bucket"), question.call.parameters.get("Key")
    path = f"{bucket or '*'}/{key}" if key else str(bucket or "*")
    if question.call.operation == "DeleteObjects":
        path = f"{bucket}/*"
    yield question.of(f"arn:{question.partition}:s3:::{path}")


_SERVICES: Mapping[str, Callable[[Question], Iterator[Asked]]] = {
    "ec2": asked_of_ec2,
    "elasticfilesystem": _efs,
    "iam": _iam,
    "rds": _rds,
    "route53": _route53,
    "s3": _s3,
}


def _normalized(name: str) -> str:
    return name.lower().removesuffix(".").replace("*", "\\052")
