"""A backup as tests have one."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from beeyard.backup import Backup, Fact, Manifest, Proof

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
FACTS = {"shop.orders": Fact(3, "aa"), "shop.(definitions)": Fact(40, "bb")}


def manifest(**changes: Any) -> Manifest:
    made = Manifest(
        kind="database",
        id="20260331T120000Z-0001",
        cluster="shop",
        taken_at=NOW,
        seconds=1.5,
        size=4,
        plain=10,
        sha256="cc",
        key="-----BEGIN AGE ENCRYPTED FILE-----\n",
        readers=("ssh-ed25519 AAAA olga",),
        facts=FACTS,
        versions={"age": "1.1.1"},
    )
    return replace(made, **changes)


def taken(at: datetime, *, proof: Proof | None = None) -> Backup:
    return Backup(manifest(id=f"{at:%Y%m%dT%H%M%SZ}-0001", taken_at=at), proof)
