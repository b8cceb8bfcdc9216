"""Backups from before a `down` are no proof that a Swarm was lost; in a real S3 API."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from beeyard.backup import Backup
from beeyard.cloud import state_bucket
from beeyard.workflows import Cluster
from beeyard.workflows.backups import store_of
from beeyard.workflows.cloud import bucket_of
from beeyard.workflows.lost import backups, note_taken_away
from cloud.example import at
from cloud.moto import Moto
from workflows.backups_of import backup


def kept(cluster: Cluster, made: Backup) -> None:
    """Have it in the store, whole: its data is a byte."""
    store = store_of(cluster)
    folder = f"backups/raft/{made.id}"
    cluster.aws.client("s3").put_object(Bucket=store.bucket, Key=f"{folder}/data.age", Body=b"x")
    store.keep(made.manifest)


def test_what_is_from_before_a_down_does_not_count(
    moto: Moto, make_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster = make_cluster(at(moto.endpoint, provider_mirror=tmp_path))
    state_bucket.ensure(cluster.aws, bucket_of(cluster))
    old = backup()
    kept(cluster, old)
    assert [one.id for one in backups(cluster).backups] == [old.id]

    note_taken_away(cluster)

    assert backups(cluster).backups == ()
    later = datetime.now(UTC) + timedelta(minutes=1)
    new = Backup(replace(old.manifest, id="20261127T030000Z-5f3a", taken_at=later))
    kept(cluster, new)
    assert [one.id for one in backups(cluster).backups] == [new.id]
