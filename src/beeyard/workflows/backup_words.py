"""What is said around a restore: before it, and where it goes wrong."""

from collections.abc import Sequence

from beeyard.backup import Backup
from beeyard.errors import BeeyardError, HostError, UnverifiedError
from beeyard.workflows.backup_parts import Part
from beeyard.workflows.cluster import Cluster


def asked_for(cluster: Cluster, part: Part, backup: Backup, *, keep_before: bool) -> str:
    """What the user is asked for: what will be put back, and what becomes of what is there."""
    kept = "is backed up first, then replaced" if keep_before else "is NOT backed up, and is lost"
    left_out = ", ".join(backup.manifest.left_out)
    without = f", which is incomplete: without {left_out}, which stays" if left_out else ""
    return (
        f"{part.what} of {cluster.spec.name} are put back to {backup.id} "
        f"(data of {backup.manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC){without}; "
        f"what is there now {kept}"
    )


def incomplete(backup: Backup) -> HostError:
    """It was taken, without all that it should hold."""
    left_out = backup.manifest.left_out
    return HostError(
        f"the backup {backup.kind} {backup.id} is incomplete: without {', '.join(left_out)}",
        why="\n".join(left_out.values()),
        fix=f"mend the cause, then take another: beeyard backup create {backup.kind}",
    )


def not_all(made: Sequence[Backup], errors: Sequence[BeeyardError]) -> BeeyardError:
    """What went wrong where several backups were to be taken; `made`: those that are there."""
    if len(errors) == 1 and len(made) <= 1:
        return errors[0]
    there = ", ".join(f"{one.kind} {one.id}" for one in made) or "none"
    return HostError(
        f"not all backups could be taken; there are: {there}",
        where=", ".join(error.where for error in errors if error.where) or None,
        why="\n".join(error.brief for error in errors),
        fix="\n".join(dict.fromkeys(error.fix for error in errors if error.fix)) or None,
    )


class Unchanged(HostError):
    """Nothing of what is there was touched."""


def not_kept(part: Part, backup: Backup, error: BeeyardError) -> Unchanged:
    """What is there could not be backed up."""
    return Unchanged(
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
