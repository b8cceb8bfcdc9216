"""The S3 bucket that holds Terraform's state: made before the first `init`, and kept by `down`."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from beeyard.cloud.api import Account, Aws, in_words
from beeyard.cloud.overrides import state_key
from beeyard.cloud.shared_text import SharedText
from beeyard.errors import CloudError


def name(cluster: str, account: Account, region: str) -> str:
    """The bucket's name: one per cluster, account and region, since names are global in S3."""
    return f"beeyard-{cluster}-{account.id}-{region}"


def ensure(aws: Aws, bucket: str) -> bool:
    """Make the bucket if it is not there, and see that it is versioned, encrypted and private.

    Gives True if it was made now.
    """
    s3 = aws.client("s3")
    with in_words():
        made = not _exists(s3, bucket)
        if made:
            s3.create_bucket(Bucket=bucket, **_location(aws.region))
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        s3.put_bucket_encryption(
            Bucket=bucket,
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        s3.put_public_access_block(
            Bucket=bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
        # Each beat of the cluster's lock leaves a version (`cluster_lock`).
        s3.put_bucket_lifecycle_configuration(
            Bucket=bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "locks",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "locks/"},
                        "NoncurrentVersionExpiration": {"NoncurrentDays": 1},
                        "Expiration": {"ExpiredObjectDeleteMarker": True},
                    },
                    # Parts of a backup that was cut short: nothing lists them, and they cost.
                    {
                        "ID": "backups",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "backups/"},
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
                    },
                ]
            },
        )
    return made


def exists(aws: Aws, bucket: str) -> bool:
    """Whether there is such a bucket, and it is ours."""
    with in_words():
        return _exists(aws.client("s3"), bucket)


def outputs(aws: Aws, bucket: str, projects: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The outputs of those of `projects` whose state holds something: a destroy leaves one of
    nothing.

    Read as the data source `terraform_remote_state` reads them, without starting Terraform.
    """
    shared = [SharedText(aws, bucket, state_key(project)) for project in projects]
    with ThreadPoolExecutor(len(projects) or 1) as pool:
        texts = [seen.text for seen in pool.map(SharedText.read, shared)]
    states = {
        project: json.loads(text) for project, text in zip(projects, texts, strict=True) if text
    }
    return {
        project: {name: entry["value"] for name, entry in state.get("outputs", {}).items()}
        for project, state in states.items()
        if state.get("resources") or state.get("outputs")
    }


def remove(aws: Aws, bucket: str) -> None:
    """Remove the bucket with every version of every object in it."""
    s3 = aws.client("s3")
    with in_words():
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            objects = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
            if objects:
                s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
        s3.delete_bucket(Bucket=bucket)


def _exists(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if status == 404:
            return False
        if status == 403:
            raise CloudError(
                f"the state bucket `{bucket}` can't be used",
                why="it belongs to another account, or you lack the right s3:ListBucket",
                fix="sign in to the account that made this cluster; or `beeyard iam-policy` prints "
                "the rights that it takes, for whoever keeps the account",
            ) from error
        raise
    return True


def _location(region: str) -> dict[str, Any]:
    # us-east-1 is the one region that must not be named (S3 API reference, CreateBucket).
    if region == "us-east-1":
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
