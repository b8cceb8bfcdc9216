"""The audit log's head in a real S3 API."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from beeyard.audit import head as audit_head
from beeyard.audit.chain import verify
from beeyard.audit.entry import Entry, Head, Who
from beeyard.cloud import state_bucket
from beeyard.cloud.api import Aws
from beeyard.controller.audit import Audit
from beeyard.errors import CloudError
from cloud import moto as moto_server
from cloud.example import REGION, at

BUCKET = "state"
ONE, TWO = Head(1, "a" * 64), Head(2, "b" * 64)
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    with moto_server.serving() as server:
        aws = Aws(at(server.endpoint), REGION)
        state_bucket.ensure(aws, BUCKET)
        yield aws


@pytest.fixture
def log() -> str:
    """The name of a log that no other test knows."""
    return f"fs-{next(_NUMBERS):04d}"


def test_the_newest_is_given_back(aws: Aws, log: str) -> None:
    assert audit_head.kept(aws, BUCKET, log) is None
    for head in (ONE, TWO):
        audit_head.keep(aws, BUCKET, log, head)
    assert audit_head.kept(aws, BUCKET, log) == TWO


def test_what_is_put_above_others_does_not_remove_them(aws: Aws, log: str) -> None:
    for head in (ONE, TWO):
        audit_head.keep(aws, BUCKET, log, head)
    assert audit_head.all_kept(aws, BUCKET, log) == [TWO, ONE]
    aws.client("s3").delete_object(Bucket=BUCKET, Key=f"audit/{log}/head.json")
    assert audit_head.kept(aws, BUCKET, log) is None
    assert audit_head.all_kept(aws, BUCKET, log) == [TWO, ONE]


def test_every_log_has_its_own(aws: Aws, log: str) -> None:
    """A bucket outlives its cluster: the next one begins another log."""
    audit_head.keep(aws, BUCKET, log, ONE)
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"audit/{log}/head.json.old", Body=b"{}")
    assert audit_head.kept(aws, BUCKET, f"{log}5") is None
    assert audit_head.all_kept(aws, BUCKET, log) == [ONE]


def test_no_bucket_is_not_no_head(aws: Aws, log: str) -> None:
    with pytest.raises(CloudError, match="AWS refused GetObject"):
        audit_head.kept(aws, "nowhere", log)
    with pytest.raises(CloudError):
        audit_head.all_kept(aws, "nowhere", log)
    with pytest.raises(CloudError):
        audit_head.keep(aws, "nowhere", log, ONE)


@pytest.mark.parametrize("data", [b"", b"[]", b'{"entries": "many", "hash": ""}'])
def test_what_is_no_head_is_not_taken_for_none(aws: Aws, log: str, data: bytes) -> None:
    aws.client("s3").put_object(Bucket=BUCKET, Key=f"audit/{log}/head.json", Body=data)
    with pytest.raises(CloudError, match="no head of an audit log"):
        audit_head.kept(aws, BUCKET, log)


def test_a_log_that_was_made_anew_shows_though_its_head_was_put_above(
    aws: Aws, log: str, tmp_path: Path
) -> None:
    class Fence:
        epoch = 1

        def check(self) -> None:
            pass

        def give_up(self, why: str, /) -> None:
            raise AssertionError(why)

    def begin(name: str, count: int) -> Head:
        audit = Audit.open(tmp_path / name, Fence())
        return audit.append(*(Entry(Who(name, "admin", "api"), "x", "y") for _ in range(count)))

    audit_head.keep(aws, BUCKET, log, begin("anna", 3))
    audit_head.keep(aws, BUCKET, log, begin("otto", 4))

    newest = audit_head.kept(aws, BUCKET, log)

    assert newest is not None
    assert verify(tmp_path / "otto", newest).problems == ()
    heads = audit_head.all_kept(aws, BUCKET, log)
    (problem,) = verify(tmp_path / "otto", *heads).problems
    assert problem.entry == 4
