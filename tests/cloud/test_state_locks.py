"""Terraform's locks that killed runs leave behind, in a real S3 API; as real Terraform writes them
they are seen in `tests/terraform/test_apply.py`."""

import json
from dataclasses import replace

import pytest

from beeyard.cloud import state_bucket, state_locks
from beeyard.cloud.api import Aws
from beeyard.holder import Holder

BUCKET = "state"
ME = replace(Holder.me("up"), who="ops", host="laptop", since="2026-11-26T10:00:00+00:00")


@pytest.fixture
def bucket(aws: Aws) -> Aws:
    state_bucket.ensure(aws, BUCKET)
    return aws


def left(aws: Aws, project: str, who: str = "ops@laptop", created: str = "10:00:07.5") -> str:
    key = f"{project}/terraform.tfstate.tflock"
    said = {
        "ID": "5a2e9c0e-6b0f-8c2a-6d1e-0f2b9f1f3c11",
        "Operation": "OperationTypeApply",
        "Info": "",
        "Who": who,
        "Version": "1.11.4",
        "Created": f"2026-11-26T{created}Z",
        "Path": f"{BUCKET}/{project}/terraform.tfstate",
    }
    s3 = aws.client("s3")
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(said).encode())
    s3.put_object(Bucket=BUCKET, Key=f"{project}/terraform.tfstate", Body=b"{}")
    return key


def keys(aws: Aws) -> set[str]:
    found = aws.client("s3").list_objects_v2(Bucket=BUCKET)
    return {entry["Key"] for entry in found.get("Contents", [])}


def test_those_of_who_is_gone_are_removed_and_told(bucket: Aws) -> None:
    key = left(bucket, "efs")
    (freed,) = state_locks.free(bucket, BUCKET, [ME])
    assert str(freed) == f"{key}: OperationTypeApply by ops@laptop, since 2026-11-26T10:00:07Z"
    assert keys(bucket) == {"efs/terraform.tfstate"}


@pytest.mark.parametrize(
    ("who", "created"),
    [("you@laptop", "10:00:07"), ("ops@elsewhere", "10:00:07"), ("ops@laptop", "09:59:59.9")],
)
def test_others_stay(bucket: Aws, who: str, created: str) -> None:
    """Whoever runs Terraform by hand has a lock of their own."""
    key = left(bucket, "efs", who, created)
    assert state_locks.free(bucket, BUCKET, [ME]) == ()
    assert key in keys(bucket)


def test_without_anybody_who_is_gone_nothing_is_touched(bucket: Aws) -> None:
    key = left(bucket, "efs")
    assert state_locks.free(bucket, BUCKET, []) == ()
    assert key in keys(bucket)


def test_all_of_them_when_that_is_wanted(bucket: Aws) -> None:
    left(bucket, "efs", "you@elsewhere")
    left(bucket, "dns")
    assert len(state_locks.free(bucket, BUCKET, None)) == 2
    assert keys(bucket) == {"efs/terraform.tfstate", "dns/terraform.tfstate"}
