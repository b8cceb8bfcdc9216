"""One entry of the audit log: who changed what, when, and what came of it; and how it is written.

An entry is one line of canonical JSON (ASCII, no spaces, keys in order), but for its own hash,
which comes first: `{"hash":"…",` and the rest. The hash is that of the object without it.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from beeyard.secret import Secret

#: What comes before the first entry.
NOTHING = "0" * 64
#: The longest string that is kept whole (characters).
CUT = 2000
#: What the first entry of a file says that it is.
OPENED = "audit.opened"

Via = Literal["cli", "pipeline", "page", "api", "controller"]
Outcome = Literal["done", "refused", "failed"]
#: What may be said of a change. A secret is kept as `***`.
Plain = str | int | bool | None | Secret | datetime


@dataclass(frozen=True)
class Who:
    """Who did something: the user, the role that they had, and the way that it came in."""

    user: str
    role: str
    via: Via


@dataclass(frozen=True)
class Entry:
    """One change. `what` such as `secret.set`, `on` such as `shop/TOKEN`."""

    who: Who
    what: str
    on: str
    outcome: Outcome = "done"
    request: str = ""
    details: Mapping[str, Plain] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    inbox: str = ""


@dataclass(frozen=True)
class Head:
    """The last entry: its number, counted from 1, and its hash. 0 entries: there is none."""

    entries: int = 0
    hash: str = NOTHING


def parse(raw: bytes) -> dict[str, Any] | None:
    """What an entry's line says, with its `hash`; None if it is not, byte for byte, as written."""
    try:
        said = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(said, dict) or "hash" not in said or type(said.get("n")) is not int:
        return None
    del said["hash"]
    text, digest = line(said)
    return said | {"hash": digest} if text == raw else None


def line(said: Mapping[str, Any]) -> tuple[bytes, str]:
    body = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(body).hexdigest()
    return b'{"hash":"%s",%s\n' % (digest.encode(), body[1:]), digest


def said(entry: Entry, before: Head) -> dict[str, Any]:
    return {
        "n": before.entries + 1,
        "previous": before.hash,
        "at": plain(entry.at),
        "user": plain(entry.who.user),
        "role": plain(entry.who.role),
        "via": entry.who.via,
        "what": plain(entry.what),
        "on": plain(entry.on),
        "outcome": entry.outcome,
        "request": plain(entry.request),
        "details": {_cut(key): plain(value) for key, value in entry.details.items()},
    } | ({"inbox": entry.inbox} if entry.inbox else {})


def plain(value: Plain) -> str | int | bool | None:
    """A value as it is written down: a Secret is `***`, and long text is cut."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if value is None or isinstance(value, int):
        return value
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= CUT else f"{text[:CUT]}… ({len(text)} characters)"
