"""A backup of a Swarm's state, as the store would list it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from beeyard.backup import Backup, Fact, Manifest


def backup(**changes: Any) -> Backup:
    """`changes` are fields of its manifest."""
    fields: dict[str, Any] = {
        "kind": "raft",
        "id": "20261126T030000Z-5f3a",
        "cluster": "shop",
        "taken_at": datetime.now(UTC) - timedelta(hours=3, minutes=12, seconds=30),
        "seconds": 1.0,
        "size": 1,
        "plain": 1,
        "sha256": "0",
        "key": "",
        "readers": (),
        "facts": {"service web": Fact(1, "0")},
    }
    return Backup(Manifest(**(fields | changes)))
