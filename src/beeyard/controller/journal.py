"""The journal: all that the controller has to remember, as records in the epochs' files.

An epoch's holder writes to `epochs/<epoch>/records` of its own epoch only. The first line of each
pins what came before it: which epochs count, and how many bytes of each. What a holder writes after
another has taken over lies behind that mark, and no reader ever sees it.

Every append is one line, so that its records are there together or not at all. Appends that wait
while another is being synced share the next line, and one sync.

The journal is kept short by compaction: its holder goes on in a new epoch that begins with records
which give the whole state. Until they are all there, the older epochs count; then they are removed,
but for the last few.
"""

import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, Self, TypeVar

from beeyard.controller import epochs, files
from beeyard.controller.epochs import Lease
from beeyard.controller.lines import Damaged, Line, Lines, frame
from beeyard.errors import BeeyardError

#: How the files are written; a newer version is refused.
VERSION = 1
NAME = "records"
#: The most that one append may hold, and that one sync is shared by (bytes).
MOST, SHARED = 8 * 1024 * 1024, 1024 * 1024
#: How many bytes a replay may read before compaction is due; how many removed epochs are kept.
GROWN, KEPT = 16 * 1024 * 1024, 3
_PART = 256 * 1024

R = TypeVar("R")


class Codec(Protocol[R]):
    """Records as JSON on one line, and back: `beeyard.controller.kinds`."""

    def encode(self, record: R, /) -> bytes: ...

    def decode(self, said: Mapping[str, Any], /) -> R: ...


class JournalBroken(BeeyardError):
    """A write failed, so nobody knows what is on disk: this process must end and start anew."""


class NewerJournal(BeeyardError):
    """A newer version of beeyard wrote the journal."""


@dataclass(frozen=True)
class _Part:
    """What counts of an epoch's file: `length` bytes, or (None) as far as it goes."""

    epoch: int
    path: Path
    length: int | None


@dataclass
class _Waiting:
    """An append that waits for its line."""

    body: bytes
    done: bool = False
    error: BaseException | None = None


@dataclass
class Journal(Generic[R]):
    """The journal in the hands of the lease's holder. Safe for use by several threads.

    size      bytes that a replay would read
    left_out  bytes at the end of the epoch before that its holder did not finish, and nobody was
              told of
    """

    lease: Lease
    codec: Codec[R]
    size: int = 0
    left_out: int = 0
    _pins: dict[int, int] = field(default_factory=dict)
    _handle: int = -1
    _offset: int = 0
    _seq: int = 0
    _broken: BaseException | None = None
    _queue: list[_Waiting] = field(default_factory=list)
    _turns: threading.Condition = field(default_factory=threading.Condition)
    _writing: bool = False
    _snapshot: int = 0

    @classmethod
    def open(cls, lease: Lease, codec: Codec[R], apply: Callable[[R], None]) -> Self:
        """Give `apply` every record that counts, in order; then begin the lease's epoch.

        Raises Damaged, NewerJournal, what `codec.decode` raises, LeaseLost, OSError.
        """
        journal = cls(lease, codec)
        reader = _Reader(lease.folder, codec, below=lease.epoch)
        for record in reader:
            apply(record)
        journal._pins, journal.left_out = reader.lengths, reader.left_out
        journal._begin(snapshot=False)
        lease.check()
        return journal

    @property
    def due(self) -> bool:
        """Whether compaction would be worth its while."""
        return self.size > max(GROWN, 2 * self._snapshot)

    def append(self, records: Sequence[R]) -> None:
        """Return once the records are on disk, all of them, and sure to be replayed.

        Raises ValueError for more than `MOST` bytes, LeaseLost, and JournalBroken. After the last
        two, the records may be there though nobody was told so, and every further append fails.
        """
        if not records:
            return
        waiting = _Waiting(b",".join(self.codec.encode(record) for record in records))
        if len(waiting.body) > MOST:
            raise ValueError(f"records of {len(waiting.body)} bytes in one append; {MOST} at most")
        with self._turns:
            self._queue.append(waiting)
        if self._take_turn(waiting):
            with self._end_of_turn():
                while not waiting.done:
                    self._write(self._next_batch())
        if waiting.error is not None:
            raise waiting.error

    def compact(self, records: Iterable[R]) -> None:
        """Begin a new epoch with `records`, which must give the whole state by themselves.

        Whoever appends must stand still meanwhile: what was appended has to be in `records`.
        Raises what `append` raises.
        """
        self._take_turn()
        with self._end_of_turn(), self._breaking():
            self.lease.advance()
            self._pins = self._pins | {self.lease.epoch - 1: self._offset}
            os.close(self._handle)
            self._begin(snapshot=True)
            for part in self._parts(records):
                self._put(b'"snapshot":[%s]' % part)
                self._sync()
            self._put(b'"whole":true')
            self._sync()
            self._pins, self.size = {}, self._offset
            self._snapshot = self._offset
            self._retire()

    def look(self) -> None:
        """See whether the file can still be written to, unless somebody writes just now. One that
        was open while a network file system was away may not come back with it.

        Raises what `append` raises.
        """
        with self._turns:
            if self._writing:
                return
            self._writing = True
        with self._end_of_turn(), self._breaking():
            self._sync()

    def close(self) -> None:
        """Write no more."""
        self._take_turn()
        with self._end_of_turn():
            if self._broken is None:
                self._broken = JournalBroken("the journal is closed")
            if self._handle >= 0:
                os.close(self._handle)
                self._handle = -1

    def _take_turn(self, waiting: _Waiting | None = None) -> bool:
        """One at a time writes. False: what waits was written by another meanwhile."""

        def done() -> bool:
            return waiting is not None and waiting.done

        with self._turns:
            self._turns.wait_for(lambda: done() or not self._writing)
            self._writing = self._writing or not done()
            return not done()

    @contextmanager
    def _end_of_turn(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._turns:
                self._writing = False
                self._turns.notify_all()

    def _write(self, batch: Sequence[_Waiting]) -> None:
        try:
            with self._breaking():
                self._put(b'"records":[%s]' % b",".join(one.body for one in batch))
                self._sync()
        except BaseException as error:
            for one in batch:
                one.error = error
            if not isinstance(error, Exception):
                raise
        finally:
            for one in batch:
                one.done = True

    def _next_batch(self) -> list[_Waiting]:
        with self._turns:
            size = count = 0
            for one in self._queue:
                size += len(one.body)
                if count and size > SHARED:
                    break
                count += 1
            batch, self._queue = self._queue[:count], self._queue[count:]
        return batch

    @contextmanager
    def _breaking(self) -> Iterator[None]:
        """Within it, a failure breaks the journal for good, and ends the lease."""
        if self._broken is not None:
            raise JournalBroken(
                "the journal takes no more records",
                why=str(self._broken),
                fix="this copy of the controller has to end; it is started again",
            ) from self._broken
        try:
            yield
        except BaseException as error:
            self._broken = error
            self.lease.give_up(f"its journal is broken: {error}")
            if isinstance(error, OSError):
                raise JournalBroken("the journal could not be written", why=str(error)) from error
            raise

    def _begin(self, *, snapshot: bool) -> None:
        path = self.lease.path / NAME
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._offset = self._seq = 0
        pins = {str(epoch): length for epoch, length in sorted(self._pins.items())}
        head = {"version": VERSION, "pins": pins, "snapshot": snapshot}
        self.size = sum(self._pins.values())
        self._put(b'"head":' + json.dumps(head).encode())
        files.sync_folder(path.parent)
        os.fsync(self._handle)

    def _put(self, body: bytes) -> None:
        line = frame(self._seq, body)
        files.write_at(self._handle, line, self._offset)
        self._seq, self._offset = self._seq + 1, self._offset + len(line)
        self.size += len(line)

    def _sync(self) -> None:
        os.fsync(self._handle)
        self.lease.check()

    def _parts(self, records: Iterable[R]) -> Iterator[bytes]:
        """Records of a snapshot, some to a line."""
        part: list[bytes] = []
        size = 0
        for record in records:
            body = self.codec.encode(record)
            if part and size + len(body) > _PART:
                yield b",".join(part)
                part, size = [], 0
            part.append(body)
            size += len(body)
        if part:
            yield b",".join(part)

    def _retire(self) -> None:
        """Remove the files of epochs that no longer count. The claims stay."""
        for epoch in sorted(epochs.numbers(self.lease.folder)):
            if epoch < self.lease.epoch - KEPT:
                (epochs.place(self.lease.folder, epoch) / NAME).unlink(missing_ok=True)


def replay(folder: Path, codec: Codec[R]) -> Iterator[R]:
    """Every record that counts, oldest first, one line in memory at a time.

    For who only reads: `folder` is `/data/epochs`. Raises as `Journal.open` does.
    """
    return iter(_Reader(folder, codec))


@dataclass
class _Reader(Generic[R]):
    """Reads what counts. Afterwards, `lengths` is what the next epoch has to pin."""

    folder: Path
    codec: Codec[R]
    below: int | None = None
    lengths: dict[int, int] = field(default_factory=dict)
    left_out: int = 0

    def __iter__(self) -> Iterator[R]:
        for part in self._parts():
            lines = Lines(part.path, part.length)
            for line in lines:
                for said in line.said.get("records", line.said.get("snapshot", ())):
                    yield self._record(part, line, said)
            self.lengths[part.epoch] = lines.end
            self.left_out = lines.left_out

    def _record(self, part: _Part, line: Line, said: Mapping[str, Any]) -> R:
        try:
            return self.codec.decode(said)
        except BeeyardError as error:
            error.where = f"{part.path}, byte {line.offset}"
            raise

    def _parts(self) -> list[_Part]:
        for epoch in sorted(epochs.numbers(self.folder), reverse=True):
            path = epochs.place(self.folder, epoch) / NAME
            if self.below is not None and epoch >= self.below:
                continue
            head = _head(path)
            if head is None:
                # Its holder claimed it and came no further: nobody was told of anything.
                continue
            pins = [
                _Part(int(pinned), epochs.place(self.folder, int(pinned)) / NAME, length)
                for pinned, length in head["pins"].items()
            ]
            own = _Part(epoch, path, None)
            if not head["snapshot"]:
                return [*pins, own]
            return [own] if _is_whole(path) else pins
        return []


def _head(path: Path) -> Mapping[str, Any] | None:
    """The first line of an epoch's file; None where it was not finished. Raises NewerJournal."""
    for line in Lines(path):
        head = line.said.get("head")
        if not isinstance(head, dict):
            raise Damaged(path, 0, "the first line does not say what comes before it")
        if head["version"] > VERSION:
            raise NewerJournal(
                f"the journal was written by a newer version of beeyard ({head['version']})",
                where=str(path),
                fix="run that version again",
            )
        return head
    return None


def _is_whole(path: Path) -> bool:
    """Whether the snapshot that an epoch begins with is all there."""
    return any("whole" in line.said for line in Lines(path))
