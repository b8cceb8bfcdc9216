"""The audit log's head in S3, where whoever can write to the shared storage can't change it.

The bucket is versioned (`beeyard.cloud.state_bucket`), so heads that were kept once stay: a head
that is made up later stands above the ones that contradict it.

`log` names the log, for the bucket outlives the cluster: the ID of its shared file system.
"""

import json

from botocore.exceptions import ClientError

from beeyard.audit.entry import Head
from beeyard.cloud.api import Aws, in_words
from beeyard.errors import CloudError


def keep(aws: Aws, bucket: str, log: str, head: Head) -> None:
    """Put a head above those that are kept. Raises CloudError."""
    data = json.dumps({"entries": head.entries, "hash": head.hash}).encode()
    s3 = aws.client("s3")
    with in_words():
        s3.put_object(Bucket=bucket, Key=_key(log), Body=data, ContentType="application/json")


def kept(aws: Aws, bucket: str, log: str) -> Head | None:
    """The newest head; None if none was ever kept. Raises CloudError."""
    s3 = aws.client("s3")
    with in_words():
        try:
            data = s3.get_object(Bucket=bucket, Key=_key(log))["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchKey":
                return None
            raise
    return _head(data)


def all_kept(aws: Aws, bucket: str, log: str, most: int = 50) -> list[Head]:
    """The newest heads that were kept, also those that others stand above; newest first.

    Also where the head was deleted: in a versioned bucket that hides it only. Raises CloudError.
    """
    s3 = aws.client("s3")
    key = _key(log)
    with in_words():
        found = s3.list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=most)
        versions = [one["VersionId"] for one in found.get("Versions", []) if one["Key"] == key]
        return [
            _head(s3.get_object(Bucket=bucket, Key=key, VersionId=version)["Body"].read())
            for version in versions
        ]


def _key(log: str) -> str:
    return f"audit/{log}/head.json"


def _head(data: bytes) -> Head:
    try:
        said = json.loads(data)
        return Head(int(said["entries"]), str(said["hash"]))
    except (ValueError, KeyError, TypeError) as error:
        raise CloudError(
            "what is kept in S3 is no head of an audit log",
            why=str(error),
            fix="see which version of the object is one, and who wrote this one",
        ) from error
