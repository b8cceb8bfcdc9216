"""A part of the controller's state: made of records, changed by writing records down first."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from beeyard.controller.records import Record


class Written(Protocol):
    """Where records are kept: `beeyard.controller.journal.Journal`."""

    def append(self, records: Sequence[Record], /) -> None:
        """Returns once they are on disk. Raises where they can't be, or this is no longer the
        active copy."""
        ...


class Part(ABC):
    """Commands decide and write one at a time; whoever reads does not wait for them.

    A replay gives every record to `apply`, which passes over those that are not its own. `records`
    give the same state again, for compaction: for as long as `still` is held, nothing is decided,
    being written or written and not yet applied.
    """

    def __init__(self) -> None:
        self.written: Written | None = None
        self._deciding = threading.RLock()

    def still(self) -> AbstractContextManager[object]:
        """Within it, nothing changes but by the thread that holds it."""
        return self._deciding

    @abstractmethod
    def apply(self, record: Record) -> None:
        """Take in what happened."""

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """What gives the state as it is now."""

    def _write(self, *records: Record) -> None:
        """The caller holds `still`. What `Written.append` raises leaves the state as it was."""
        if self.written is None:
            raise RuntimeError("a replay changes nothing: `written` is not set")
        self.written.append(records)
        for record in records:
            self.apply(record)
