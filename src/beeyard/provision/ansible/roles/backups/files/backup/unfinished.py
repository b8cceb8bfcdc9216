"""A restore that was begun and did not end: what is there is of no one moment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Where a restart of the node finds it again.
PLACE = Path("/var/lib/beeyard")
#: In `versions`, as `beeyard.backup.model` reads it: no backup to go back to unasked.
BEFORE = "taken before the restore of"


@contextmanager
def marked(kind: str, name: str) -> Iterator[None]:
    """While the backup of that name is put back, and after that until one of its kind was."""
    PLACE.mkdir(parents=True, exist_ok=True)
    _mark(kind).write_text(name, encoding="utf-8")
    yield
    _mark(kind).unlink(missing_ok=True)


def versions(kind: str) -> dict[str, str]:
    """What a backup that is taken now says of itself; empty where all restores have ended."""
    try:
        return {BEFORE: _mark(kind).read_text(encoding="utf-8")}
    except FileNotFoundError:
        return {}


def _mark(kind: str) -> Path:
    return PLACE / f"restoring-{kind}"
