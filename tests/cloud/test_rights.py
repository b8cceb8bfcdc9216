"""Which right a call takes, and which one a refusal is about."""

from typing import Any

import pytest

from beeyard.cloud.rights import denied, is_denied, missing_right, right_of
from beeyard.errors import render


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "right"),
    [
        ("ec2", "CreateVpc", {}, "ec2:CreateVpc"),
        ("EFS", "CreateFileSystem", {}, "elasticfilesystem:CreateFileSystem"),
        ("Route 53", "GetChange", {}, "route53:GetChange"),
        ("s3", "HeadBucket", {}, "s3:ListBucket"),
        ("s3", "HeadObject", {}, "s3:GetObject"),
        ("s3", "GetObject", {"versionId": "1"}, "s3:GetObjectVersion"),
        ("s3", "DeleteObjects", {"Delete": {"Objects": [{"Key": "a"}]}}, "s3:DeleteObject"),
        (
            *("s3", "DeleteObjects"),
            {"Delete": {"Objects": [{"Key": "a", "VersionId": "1"}]}},
            "s3:DeleteObjectVersion",
        ),
        ("s3", "PutPublicAccessBlock", {}, "s3:PutBucketPublicAccessBlock"),
    ],
)
def test_rights(service: str, operation: str, parameters: dict[str, Any], right: str) -> None:
    assert right_of(service, operation, parameters) == right


EC2 = (
    "UnauthorizedOperation: You are not authorized to perform this operation. User: "
    "arn:aws:iam::1:user/x is not authorized to perform: ec2:CreateVpc on resource: "
    "arn:aws:ec2:eu-central-1:1:vpc/* because no identity-based policy allows it"
)
WITHOUT_WORDS = (
    "reading EFS File System (fs-1): operation error EFS: DescribeFileSystems, https response "
    "error StatusCode: 403, RequestID: 1, api error AccessDeniedException:"
)


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (EC2, "ec2:CreateVpc"),
        (WITHOUT_WORDS, "elasticfilesystem:DescribeFileSystems"),
        ("Error creating EFS file system: AccessDeniedException:\n\tstatus code: 403", None),
    ],
)
def test_what_a_refusal_is_about(said: str, right: str | None) -> None:
    assert is_denied(said)
    assert missing_right(said) == right


def test_other_failures_are_none() -> None:
    assert not is_denied("Error: InvalidParameterValue: the CIDR is wrong\n\tstatus code: 400")


def test_the_error() -> None:
    error = denied("ec2:CreateVpc", where="swarm_cluster: module.network.aws_vpc.this", why="No.")
    assert render(error) == (
        "error: AWS did not allow ec2:CreateVpc\n"
        "  where: swarm_cluster: module.network.aws_vpc.this\n"
        "  why:   No.\n"
        "  do:    `beeyard iam-policy` prints the rights that this cluster takes: have them "
        "granted by whoever keeps the account, then run this again"
    )
    assert denied(None, "HeadBucket", why="").what == "AWS did not allow HeadBucket"
    assert denied(None, why="").what == "AWS did not allow a call"
