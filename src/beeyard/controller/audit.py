"""The audit log: who changed what, when, and what came of it; a chain, so that tampering shows.

Every entry holds the SHA-256 of the one before, so no entry can be changed, removed, added or moved
without all later ones being made anew. That, and a shortened end, shows against the last entry's
hash, the *head*, where it is kept elsewhere (`audit_head`).

    audit/00000007-000001.jsonl   epoch of its writer, and the number of the file
          inbox/                  entries of commands that ran elsewhere (`audit_inbox`)

Each copy of the controller writes to files of its own. A file's first entry says which file it goes
on from, and at which byte: what a copy that lost its lease adds later is no part of the chain.

An entry is one line of canonical JSON (ASCII, no spaces, keys in order), but for its own hash,
which comes first: `{"hash":"…",` and the rest. The hash is that of the object without it.
"""

import hashlib
import json
import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from beeyard.controller import files
from beeyard.errors import BeeyardError
from beeyard.secret import Secret

#: What comes before the first entry.
NOTHING = "0" * 64
#: The size at which a file is full; the longest string that is kept whole (bytes; characters).
FULL, CUT = 4 * 1024 * 1024, 2000
#: What the first entry of a file says that it is.
OPENED = "audit.opened"

Via = Literal["cli", "pipeline", "page", "api", "controller"]
Outcome = Literal["done", "refused", "failed"]
#: What may be said of a change. A secret is kept as `***`.
Plain = str | int | bool | None | Secret | datetime


class AuditFailed(BeeyardError):
    """An entry could not be written down: what it is about must not be done."""


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


class Fence(Protocol):
    """What the audit log needs of a lease (`beeyard.controller.epochs.Lease`)."""

    @property
    def epoch(self) -> int: ...

    def check(self) -> None: ...

    def give_up(self, why: str, /) -> None: ...


@dataclass
class Audit:
    """The audit log in the hands of the lease's holder. Safe for use by several threads."""

    folder: Path
    fence: Fence
    full: int = FULL
    _head: Head = field(default_factory=Head, init=False)
    _handle: int = field(default=-1, init=False)
    _offset: int = field(default=0, init=False)
    _broken: str = field(default="", init=False)
    _name: str = field(default="", init=False)
    _one: threading.Lock = field(default_factory=threading.Lock, init=False)

    @classmethod
    def open(cls, folder: Path, fence: Fence, *, full: int = FULL) -> Self:
        """Go on from the last entry. A chain that is broken earlier stays as it is: `audit_chain`
        finds that. Raises LeaseLost, OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        audit = cls(folder, fence, full)
        for path in reversed(chain_files(folder)):
            audit._head, audit._offset = _last(path)
            if audit._head.entries:
                audit._name = path.name
                break
        with audit._one:
            audit._begin_file()
        return audit

    def head(self) -> Head:
        """The last entry that is sure to stay: what is kept elsewhere."""
        return self._head

    def append(self, *entries: Entry) -> Head:
        """Return once the entries are on disk, in the chain for good.

        Raises AuditFailed where that is not sure, also ever after, and LeaseLost. Either ends the
        lease.
        """
        with self._one:
            if self._offset >= self.full:
                self._begin_file()
            return self._write(entries)

    def close(self) -> None:
        """Write no more."""
        with self._one:
            self._broken = self._broken or "it is closed"
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _begin_file(self) -> None:
        after = {"file": self._name or None, "bytes": self._offset if self._name else None}
        epoch, number = self.fence.epoch, 1
        if self._name.startswith(f"{epoch:08d}-"):
            number = int(self._name[9:15]) + 1
        if self._handle >= 0:
            os.close(self._handle)
        self._name, self._offset = f"{epoch:08d}-{number:06d}.jsonl", 0
        self._handle = os.open(
            self.folder / self._name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
        )
        files.sync_folder(self.folder)
        who = Who("controller", "", "controller")
        self._write([Entry(who, OPENED, self._name, details=after)])

    def _write(self, entries: tuple[Entry, ...] | list[Entry]) -> Head:
        if self._broken:
            raise AuditFailed("the audit log takes no more entries", why=self._broken)
        head, data = self._head, b""
        for entry in entries:
            line, digest = _line(_said(entry, head))
            head, data = Head(head.entries + 1, digest), data + line
        try:
            files.write_at(self._handle, data, self._offset)
            os.fsync(self._handle)
            self.fence.check()
        except BaseException as error:
            self._broken = str(error) or type(error).__name__
            self.fence.give_up(f"its audit log is broken: {self._broken}")
            if isinstance(error, OSError):
                raise AuditFailed("the audit log could not be written", why=str(error)) from error
            raise
        self._offset += len(data)
        self._head = head
        return head


def chain_files(folder: Path) -> list[Path]:
    """The log's files, the oldest first. Raises FileNotFoundError where there is no log."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix == ".jsonl" and len(path.stem) == 15 and path.stem.replace("-", "").isdigit()
    )


def parse(raw: bytes) -> dict[str, Any] | None:
    """What an entry's line says, with its `hash`; None if it is not, byte for byte, as written."""
    try:
        said = json.loads(raw)
    except ValueError:
        return None
    if not isinstance(said, dict) or "hash" not in said or type(said.get("n")) is not int:
        return None
    del said["hash"]
    line, digest = _line(said)
    return said | {"hash": digest} if line == raw else None


def _line(said: Mapping[str, Any]) -> tuple[bytes, str]:
    body = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    digest = hashlib.sha256(body).hexdigest()
    return b'{"hash":"%s",%s\n' % (digest.encode(), body[1:]), digest


def _said(entry: Entry, before: Head) -> dict[str, Any]:
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


def _last(path: Path) -> tuple[Head, int]:
    """The last whole entry of a file, and the byte after it."""
    head, end, offset = Head(), 0, 0
    for raw in raw_lines(path):
        offset += len(raw)
        said = parse(raw)
        if said is not None:
            head, end = Head(said["n"], said["hash"]), offset
    return head, end


def raw_lines(path: Path, length: int | None = None) -> Iterator[bytes]:
    """The lines of a file as they stand there, of its first `length` bytes; None: of all."""
    left = path.stat().st_size if length is None else length
    with path.open("rb") as file:
        while left > 0 and (raw := file.readline(min(left, FULL))):
            left -= len(raw)
            yield raw
