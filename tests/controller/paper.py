"""A journal on paper, for parts of the state: what is written down makes the same state again."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from beeyard.controller.part import Part
from beeyard.controller.records import Record

P = TypeVar("P", bound=Part)


@dataclass
class Paper:
    """Records in memory; broken, it takes none. `appends`: how many came with each."""

    records: list[Record] = field(default_factory=list)
    broken: bool = False
    appends: list[int] = field(default_factory=list)

    def append(self, records: Sequence[Record], /) -> None:
        if self.broken:
            raise OSError(28, "No space left on device")
        self.records.extend(records)
        self.appends.append(len(records))

    def give(self, part: P) -> P:
        """A part that writes here, with all that is here already."""
        for record in self.records:
            part.apply(record)
        part.written = self
        return part
