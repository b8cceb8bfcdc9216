"""Which right in IAM a call of the AWS API takes, and which one a refusal is about. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from beeyard.errors import CloudError

#: Rights in S3 that are not called as the operations are.
#: Source: Amazon S3 API reference, "Required permissions for Amazon S3 API operations".
_S3 = {
    "CompleteMultipartUpload": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBuckets": "ListAllMyBuckets",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectVersions": "ListBucketVersions",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "UploadPart": "PutObject",
}
#: Those that take another right for a version that is named.
_OF_A_VERSION = {"GetObject", "DeleteObject"}
#: What AWS says of a right that is missing; EC2 and STS say it in a sentence of a longer text.
_MISSING = re.compile(r"is not authorized to perform: ([a-z0-9-]+:\w+)")
_DENIED = ("AccessDenied", "UnauthorizedOperation", "not authorized to perform", "StatusCode: 403")
#: Terraform's provider names the call, if AWS names no right: "operation error EC2: CreateVpc".
_CALLED = re.compile(r"operation error ([A-Za-z0-9 ]+): (\w+)")
_SERVICES = {"efs": "elasticfilesystem", "route 53": "route53"}

FIX = (
    "`beeyard iam-policy` prints the rights that this cluster takes: have them granted "
    "by whoever keeps the account, then run this again"
)


def right_of(service: str, operation: str, parameters: Mapping[str, Any] | None = None) -> str:
    """The right that an operation takes; `service` as in signatures or as boto3 calls it."""
    prefix = _SERVICES.get(service.lower(), service.lower())
    if prefix != "s3":
        return f"{prefix}:{operation}"
    action = _S3.get(operation, operation)
    given = parameters or {}
    versions = given.get("VersionId") or given.get("versionId") or _versions(given)
    return f"s3:{action}Version" if action in _OF_A_VERSION and versions else f"s3:{action}"


def is_denied(said: str) -> bool:
    """Whether AWS's words, or Terraform's, are about a right that is missing."""
    return any(word in said for word in _DENIED)


def missing_right(said: str) -> str | None:
    """The right that a refusal is about, if its words tell."""
    if found := _MISSING.search(said):
        return found.group(1)
    if found := _CALLED.search(said):
        return right_of(found.group(1), found.group(2))
    return None


def denied(
    right: str | None, call: str | None = None, *, where: str | None = None, why: str
) -> CloudError:
    """AWS refused, for want of a right; where its words don't name it, the call is known, or not
    even that."""
    return CloudError(
        f"AWS did not allow {right or call or 'a call'}", where=where, why=why, fix=FIX
    )


def _versions(parameters: Mapping[str, Any]) -> bool:
    objects = parameters.get("Delete", {}).get("Objects", ())
    return any("VersionId" in one for one in objects)
