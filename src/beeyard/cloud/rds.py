"""Snapshots that RDS keeps of a database, beside beeyard's own dumps: whole, and on AWS alone."""

from dataclasses import dataclass
from datetime import UTC, datetime

from beeyard.cloud.api import Aws, in_words


@dataclass(frozen=True)
class Snapshot:
    """A snapshot. `kind`: `manual` ones stay until somebody deletes them, `automated` ones go with
    the database and after `database.backup_days`. `taken_at` None: it is being made."""

    id: str
    kind: str
    state: str
    taken_at: datetime | None
    gib: int


def begin(aws: Aws, identifier: str, now: datetime) -> str:
    """Have RDS begin a snapshot; gives its name. RDS goes on by itself, for minutes."""
    name = f"{identifier}-{now.astimezone(UTC):%Y%m%d-%H%M%S}"
    with in_words():
        aws.client("rds").create_db_snapshot(
            DBInstanceIdentifier=identifier, DBSnapshotIdentifier=name
        )
    return name


def snapshots(aws: Aws, identifier: str) -> tuple[Snapshot, ...]:
    """All that there are of a database, also where it is gone; newest first."""
    with in_words():
        pages = aws.client("rds").get_paginator("describe_db_snapshots")
        found = [
            Snapshot(
                one["DBSnapshotIdentifier"],
                one["SnapshotType"],
                one["Status"],
                one.get("SnapshotCreateTime"),
                one["AllocatedStorage"],
            )
            for page in pages.paginate(DBInstanceIdentifier=identifier)
            for one in page["DBSnapshots"]
        ]
    newest = datetime.max.replace(tzinfo=UTC)
    return tuple(sorted(found, key=lambda one: one.taken_at or newest, reverse=True))
