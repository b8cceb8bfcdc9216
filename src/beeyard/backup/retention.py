"""Which backups are kept. Pure."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from beeyard.backup.model import Backup


def outdated(
    backups: Sequence[Backup], now: datetime, *, daily: int, weekly: int
) -> tuple[Backup, ...]:
    """Those of one kind that are kept no more, given newest first.

    Kept are: all of the last 24 hours; the newest good one of each of the last `daily` days, and of
    the last `weekly` weeks, that have one; and, whatever their age, the newest good one and the
    newest that was proved. All that is reckoned twice: of all, and of those that are complete, for
    one that is not must not displace them. One that is bad is kept for those 24 hours, or while
    there is no other. What was there before a restore is kept for `daily` days, and is none of
    those. Nor is one of the future, which stays: a clock was wrong.
    """
    good = [
        one
        for one in backups
        if one.state != "bad" and one.before is None and one.manifest.taken_at <= now
    ]
    complete = [one for one in good if not one.manifest.left_out]
    kept = {
        *(one.id for one in backups if now - one.manifest.taken_at < timedelta(days=1)),
        *(
            one.id
            for one in backups
            if one.before is not None and now - one.manifest.taken_at < timedelta(days=daily)
        ),
        *(one.id for one in (good or backups)[:1]),
        *(one.id for those in (good, complete) for one in _ladder(those, daily, weekly)),
    }
    return tuple(one for one in backups if one.id not in kept)


def _ladder(those: Sequence[Backup], daily: int, weekly: int) -> Iterator[Backup]:
    yield from _newest(those, daily, lambda at: at.strftime("%Y-%j"))
    yield from _newest(those, weekly, lambda at: at.strftime("%G-%V"))
    yield from those[:1]
    yield from [one for one in those if one.state == "proved"][:1]


def _newest(
    backups: Sequence[Backup], count: int, span: Callable[[datetime], str]
) -> tuple[Backup, ...]:
    """The newest of each of the last `count` spans of time that have one."""
    first: dict[str, Backup] = {}
    for one in backups:
        first.setdefault(span(one.manifest.taken_at), one)
    return tuple(first.values())[:count]
