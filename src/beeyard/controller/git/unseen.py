"""Pushes that nobody was told of, because the controller ended between Git's work and its own."""

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from beeyard.controller.git.history import refs
from beeyard.controller.git.names import NOTHING, is_ref
from beeyard.controller.git.push import Change, Push, is_forced
from beeyard.controller.git.repositories import Repository

_TAIL = 4096
# Source: gitrepository-layout(5), `logs`: before, after, who <address>, seconds, zone, tab, why.
_ENTRY = re.compile(rb"[0-9a-f]{40} ([0-9a-f]{40}) (.*) <[^>]*> ([0-9]+) [+-][0-9]{4}\t?.*")


async def missed(repository: Repository, known: Mapping[str, str]) -> tuple[Push, ...]:
    """How the repository differs from what is `known` of it (refs, and what they named), as pushes.

    For a start of the controller. Of several pushes to one ref it is their sum; who made the last,
    and when, is taken from Git's reflog, and is empty, and now, where that says nothing. Push
    options are lost. Raises GitError.
    """
    there = await refs(repository)
    changes = [
        Change(ref, known.get(ref, NOTHING), there.get(ref, NOTHING))
        for ref in sorted({*known, *there})
        if known.get(ref, NOTHING) != there.get(ref, NOTHING)
    ]
    return tuple([await _push(repository, change) for change in changes])


async def _push(repository: Repository, change: Change) -> Push:
    pusher, at = await asyncio.to_thread(_last, repository.path, change)
    return Push(
        application=repository.application,
        ref=change.ref,
        before=change.before,
        after=change.after,
        pusher=pusher,
        at=at,
        forced=await is_forced(repository, change),
    )


def _last(path: Path, change: Change) -> tuple[str, datetime]:
    """Who moved a ref last, and when."""
    nobody = ("", datetime.now(UTC))
    if not is_ref(change.ref):
        return nobody
    try:
        with (path / "logs" / change.ref).open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - _TAIL))
            lines = file.read().splitlines()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return nobody
    entry = _ENTRY.fullmatch(lines[-1]) if lines else None
    if entry is None or entry[1].decode() != change.after:
        return nobody
    return entry[2].decode(errors="replace"), datetime.fromtimestamp(int(entry[3]), UTC)
