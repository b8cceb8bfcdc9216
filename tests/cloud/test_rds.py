"""RDS's own snapshots, by a real API."""

from datetime import UTC, datetime

from beeyard.cloud import rds
from beeyard.cloud.api import Aws
from cloud.moto import make_database

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_a_snapshot_is_begun_and_found(aws: Aws) -> None:
    make_database(aws.client("rds"))
    assert rds.begin(aws, "shop", NOW) == "shop-20260304-050607"
    manual = [one for one in rds.snapshots(aws, "shop") if one.kind == "manual"]
    assert [one.id for one in manual] == ["shop-20260304-050607"]
    assert manual[0].state == "available"


def test_without_a_database_there_are_none(aws: Aws) -> None:
    assert rds.snapshots(aws, "shop") == ()
