"""`down`: take the cluster away, last made first; what must not be lost is kept and listed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from beeyard.cloud import state_bucket
from beeyard.cloud.workspace import remove
from beeyard.errors import Refused
from beeyard.provision import close_connections
from beeyard.workflows.alone import alone
from beeyard.workflows.cloud import Cloud, open_cloud
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.keys import OWN_KEY, own_private_keys
from beeyard.workflows.lost import note_taken_away
from beeyard.workflows.rotate_ssh import end_swap


@dataclass(frozen=True)
class Kept:
    """What is still there afterwards, and costs a little."""

    bucket: str | None
    snapshots: tuple[str, ...]
    #: Private SSH keys that beeyard made: for some backups in the bucket, nothing else opens them.
    keys: tuple[Path, ...] = ()

    def __str__(self) -> str:
        bucket = [f"the state bucket {self.bucket}"] if self.bucket else []
        snapshots = [f"database snapshot {name}" for name in self.snapshots]
        return ", ".join([*snapshots, *bucket, *(f"the SSH key {path}" for path in self.keys)])


def down(cluster: Cluster, confirm: Callable[[str], None], *, purge: bool = False) -> Kept:
    """Destroy the cluster after `confirm` (which raises Refused) was shown what will go.

    The database's snapshots, the state bucket, and the SSH keys that open the backups in it stay,
    unless `purge`: then they are asked for as well, also where an earlier `down` has left nothing
    else.
    """
    # To look at a cloud where nothing is makes a key, as for an `up`: that one opens nothing.
    keys = own_private_keys(cluster.folder)
    with cluster.progress.phase("look at the cloud") as phase:
        cloud = open_cloud(cluster)
        stateful = cloud.stateful()
        purged = str(_kept(cluster, cloud, keys)) if purge else ""
        phase.result = f"{len(stateful)} projects have a state"
    if stateful:
        _refuse_if_protected(cluster, stateful)
    goes = [_what_goes(cluster, stateful, purge=purge)] if stateful else []
    if purged:
        goes.append(f"for good: {purged}")
    if goes:
        confirm("\n".join(goes))
    if stateful:
        with alone(cluster, cloud, "down"), cluster.progress.phase("destroy") as phase:
            cloud.destroy(phase, final_snapshot=not purge)
            note_taken_away(cluster)
            phase.result = ", ".join(reversed(stateful))
    end_swap(cluster)
    kept = _keep_or_purge(cluster, cloud, keys, purge=purge)
    close_connections(cluster.sockets, cluster.runner)
    remove(cluster.folder, but=OWN_KEY if kept.keys else None)
    return kept


def _refuse_if_protected(cluster: Cluster, stateful: tuple[str, ...]) -> None:
    database = cluster.spec.database
    if "database" in stateful and database is not None and database.deletion_protection:
        raise Refused(
            "the database is protected against deletion",
            where="database.deletion_protection in beeyard.yml",
            fix="set it to false, run `beeyard up`, then run this again",
        )


def _what_goes(cluster: Cluster, stateful: tuple[str, ...], *, purge: bool) -> str:
    spec = cluster.spec
    last = "with every backup of it" if purge else "a last snapshot of the database is kept"
    return (
        f"cluster {spec.name} in {spec.region}: {spec.managers.count} managers, "
        f"{spec.workers.count} workers and all that is on them, shared files included "
        f"({', '.join(stateful)}); {last}"
    )


def _kept(cluster: Cluster, cloud: Cloud, keys: tuple[Path, ...]) -> Kept:
    snapshots = cluster.aws.snapshots(cluster.spec.name)
    bucket = cloud.bucket if cloud.has_bucket() else None
    return Kept(bucket, tuple(snapshots), keys)


def _keep_or_purge(cluster: Cluster, cloud: Cloud, keys: tuple[Path, ...], *, purge: bool) -> Kept:
    kept = _kept(cluster, cloud, keys)
    if not purge:
        return kept
    with cluster.progress.phase("purge") as phase:
        for snapshot in kept.snapshots:
            cluster.aws.delete_snapshot(snapshot)
        if kept.bucket:
            state_bucket.remove(cluster.aws, kept.bucket)
        phase.result = str(kept) or "there was nothing"
    return Kept(None, ())
