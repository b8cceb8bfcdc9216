"""What a repository needs now and then, done when nothing else is to be done.

Git's own `gc` is off: it would come in the middle of a push, and its lock names a host and a
process, which mean nothing after a container was moved.
"""

import asyncio
import os
import secrets
from pathlib import Path

from beeyard.controller.git.repositories import Repository
from beeyard.controller.git.run import ask

#: Packs from which on they are made one.
PACKS = 20
#: Seconds after which a lock, or a push that was cut off, belongs to nobody. Git holds a lock for
#: as long as it writes a ref, and a push's objects wait aside for as long as it takes.
LOCKS_GONE, PUSHES_GONE = 600, 86_400
#: Days for which commits that no ref has any more are kept: runs of them can be retried.
KEPT = 30

_PATIENCE = 1800.0


async def maintain(repository: Repository, most: int = PACKS) -> bool:
    """Tidy a repository; gives whether it was packed anew, which is done from `most` packs on.

    Pushes and clones may go on beside it, and be cut short by its load only. Raises GitError.
    """
    await asyncio.to_thread(_remove_locks, repository.path)
    expiry = f"--expire-unreachable={KEPT}.days.ago"
    await ask(repository, "reflog", "expire", "--all", "--expire=90.days.ago", expiry)
    await ask(repository, "pack-refs", "--all", "--prune", timeout=_PATIENCE)
    many = await asyncio.to_thread(_packs, repository.path) >= most
    if many:
        # What is not reachable goes into a pack of its own, not into a file for each object.
        cruft = ("--cruft", f"--cruft-expiration={KEPT}.days.ago")
        await ask(repository, "repack", "-a", "-d", "-l", "-q", *cruft, timeout=_PATIENCE)
    await ask(repository, "prune", f"--expire={PUSHES_GONE}.seconds.ago", timeout=_PATIENCE)
    return many


def _packs(path: Path) -> int:
    return sum(1 for _ in (path / "objects" / "pack").glob("*.pack"))


def _remove_locks(path: Path) -> None:
    """Remove locks of Git processes that were killed. The times compared are both the file
    server's: a file is written to see what it says."""
    probe = path / f".now-{secrets.token_hex(8)}"
    probe.touch(exist_ok=False)
    try:
        now = probe.stat().st_mtime
    finally:
        probe.unlink()
    for folder in (path / "refs", path):
        for lock in _locks(folder, deep=folder != path):
            if now - lock.stat(follow_symlinks=False).st_mtime > LOCKS_GONE:
                lock.unlink(missing_ok=True)


def _locks(folder: Path, *, deep: bool) -> list[Path]:
    if not deep:
        return [entry for entry in folder.glob("*.lock") if entry.is_file()]
    found: list[Path] = []
    for place, _, names in os.walk(folder):
        found += [Path(place) / name for name in names if name.endswith(".lock")]
    return found
