"""What is said around a restore: before it, and where it goes wrong."""

from collections.abc import Sequence

from beeyard.backup import Backup
from beeyard.errors import HostError, UnverifiedError
from beeyard.workflows.backup_parts import Part
from beeyard.workflows.cluster import Cluster


def asked_for(cluster: Cluster, part: Part, backup: Backup, *, keep_before: bool) -> str:
    """What the user is asked for: what will be put back, and what becomes of what is there."""
    kept = "is backed up first, then replaced" if keep_before else "is NOT backed up, and is lost"
    return (
        f"{part.what} of {cluster.spec.name} are put back to {backup.id} "
        f"(data of {backup.manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC); what is there now {kept}"
    )


def not_kept(part: Part, backup: Backup, error: HostError) -> HostError:
    """What is there could not be backed up."""
    return HostError(
        "what is there now could not be backed up; nothing was changed",
        where=error.where,
        why=error.why or error.what,
        fix="mend the cause; or lose what is there: beeyard backup restore "
        f"{part.kind} {backup.id} --without-before",
    )


def not_restored(
    cluster: Cluster, part: Part, backup: Backup, problems: Sequence[str], before: Backup | None
) -> UnverifiedError:
    """It came back otherwise, or was cut short. The next try has to be of the same backup, by its
    name."""
    behind = part.behind(cluster.spec)
    kept = f"; what was there before is the backup {before.id}" if before else ""
    pages = "; maintenance pages stay until then, or: " if behind else ""
    pages += ", ".join(f"beeyard maintenance {name} off" for name in behind)
    return UnverifiedError(
        f"{part.what} were put back to {backup.id}, and are not what that holds",
        why="\n".join(problems),
        fix=f"run it again: beeyard backup restore {part.kind} {backup.id}{kept}{pages}",
    )
