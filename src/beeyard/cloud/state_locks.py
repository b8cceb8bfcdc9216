"""Terraform's own locks of its states, as far as killed runs of ours left them behind.

With `use_lockfile`, Terraform puts an object beside a state for as long as it works on it, and one
that is killed leaves it there. Only who holds the cluster's lock may remove one, and only where
it is known that whoever made it is gone: somebody may run Terraform by hand.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from beeyard.cloud.api import Aws, in_words
from beeyard.holder import Holder

_SUFFIX = ".tflock"


@dataclass(frozen=True)
class StateLock:
    """A lock as Terraform describes it (its `statemgr.LockInfo`). `who`: user@host."""

    key: str
    who: str
    operation: str
    created: datetime

    def is_of(self, holder: Holder) -> bool:
        """Whether this holder's Terraform may have made it: the same user, there, since then."""
        since = datetime.fromisoformat(holder.since)
        return self.who == f"{holder.who}@{holder.host}" and self.created >= since

    def __str__(self) -> str:
        return (
            f"{self.key}: {self.operation} by {self.who}, since {self.created:%Y-%m-%dT%H:%M:%SZ}"
        )


def free(aws: Aws, bucket: str, gone: Collection[Holder] | None) -> tuple[StateLock, ...]:
    """Remove the locks that those who are gone left behind, or all of them (None); gives them."""
    if gone is not None and not gone:
        return ()
    with in_words():
        s3 = aws.client("s3")
        found = _locks(s3, bucket)
        left = tuple(one for one in found if gone is None or any(map(one.is_of, gone)))
        for lock in left:
            s3.delete_object(Bucket=bucket, Key=lock.key)
    return left


def _locks(s3: Any, bucket: str) -> Iterator[StateLock]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for entry in page.get("Contents", []):
            if entry["Key"].endswith(_SUFFIX):
                said = json.loads(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read())
                created = datetime.fromisoformat(said["Created"])
                yield StateLock(entry["Key"], said["Who"], said["Operation"], created)
