"""The audit log: who changed what, when, and what came of it; a chain, so that tampering shows.

Every entry holds the SHA-256 of the one before, so no entry can be changed, removed, added or moved
without all later ones being made anew. That, and a shortened end, shows against the last entry's
hash, the *head*, where it is kept elsewhere (`beeyard.audit.head`).

    audit/00000007-000001.jsonl   epoch of its writer, and the number of the file
          inbox/                  entries of commands that ran elsewhere (`audit_inbox`)

Each copy of the controller writes to files of its own. A file's first entry says which file it goes
on from, and at which byte: what a copy that lost its lease adds later is no part of the chain.

What an entry is, and how it is written: `beeyard.audit.entry`.
"""

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Self

from beeyard.audit.chain import chain_files, raw_lines
from beeyard.audit.entry import OPENED, Entry, Head, Who, line, parse, said
from beeyard.controller import files
from beeyard.errors import BeeyardError

#: The size at which a file is full (bytes).
FULL = 4 * 1024 * 1024


class AuditFailed(BeeyardError):
    """An entry could not be written down: what it is about must not be done."""


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
        """Go on from the last entry. A chain that is broken earlier stays as it is, and is found by
        `beeyard.audit.chain`. Raises LeaseLost, OSError."""
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

    def look(self) -> None:
        """See whether the file can still be written to, unless somebody writes just now. Raises
        what `append` raises."""
        if self._one.acquire(blocking=False):
            try:
                self._write(())
            finally:
                self._one.release()

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
            text, digest = line(said(entry, head))
            head, data = Head(head.entries + 1, digest), data + text
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


def _last(path: Path) -> tuple[Head, int]:
    """The last whole entry of a file, and the byte after it."""
    head, end, offset = Head(), 0, 0
    for raw in raw_lines(path):
        offset += len(raw)
        found = parse(raw)
        if found is not None:
            head, end = Head(found["n"], found["hash"]), offset
    return head, end
