"""What backups there are, and what they are worth: `backup ls`. It needs no cluster, only S3."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from beeyard.backup import Backup, Kind, Leftover, Store
from beeyard.cloud import rds
from beeyard.cloud.rds import Snapshot
from beeyard.config import ClusterSpec
from beeyard.errors import Refused
from beeyard.workflows.backup_parts import parts_of
from beeyard.workflows.cluster import Cluster

#: How late a scheduled backup may be until it counts as missing.
_GRACE = timedelta(hours=1)


@dataclass(frozen=True)
class Age:
    """What a restore would give, in seconds.

    rpo   how old the data of the newest good backup is; None: there is none
    rto   how long the last restore of that kind took, in earnest or as a try; None: never tried
    late  the schedule should have made a newer one
    """

    kind: Kind
    id: str | None
    rpo: float | None
    rto: float | None
    late: bool


@dataclass(frozen=True)
class Overview:
    """What `backup ls` shows. `snapshots` are RDS's."""

    ages: tuple[Age, ...]
    backups: tuple[Backup, ...]
    leftovers: tuple[Leftover, ...]
    snapshots: tuple[Snapshot, ...]


def overview(cluster: Cluster, store: Store, now: datetime) -> Overview:
    """Look at all that there is. Raises CloudError."""
    with cluster.progress.phase("look at the backups") as phase:
        listing = store.list()
        ages = tuple(
            age(cluster.spec, part.kind, listing.newest_good(part.kind), listing.of(part.kind), now)
            for part in parts_of(cluster.spec)
        )
        found = rds.snapshots(cluster.aws, cluster.spec.name) if cluster.spec.database else ()
        phase.result = f"{len(listing.backups)} are whole"
    return Overview(ages, listing.backups, listing.leftovers, found)


def begin_snapshot(cluster: Cluster, now: datetime) -> str:
    """Have RDS begin a snapshot of the database; gives its name. Raises Refused without one."""
    if cluster.spec.database is None:
        raise Refused("there is no database to make a snapshot of", where="database in beeyard.yml")
    return rds.begin(cluster.aws, cluster.spec.name, now)


def age(
    spec: ClusterSpec, kind: Kind, good: Backup | None, all_: Sequence[Backup], now: datetime
) -> Age:
    """Of one kind. Pure."""
    rto = next((one.proof.seconds for one in all_ if one.proof and not one.proof.problems), None)
    longest = spec.backups.longest_gap
    if good is None:
        return Age(kind, None, None, rto, late=longest is not None)
    old = now - good.manifest.taken_at
    late = longest is not None and old > longest + _GRACE
    return Age(kind, good.id, old.total_seconds(), rto, late)
