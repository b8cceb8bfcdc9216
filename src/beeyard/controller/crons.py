"""Schedules: which are due, and until when each was looked at.

What falls into a time without a controller is made up for once, however many times it was.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Literal

from cronsim import CronSim

from beeyard.controller.part import Part
from beeyard.controller.records import Record


class CronLooked(Record):
    """A schedule was looked at: what was due until then (`at`) was begun."""

    kind: Literal["cron.looked"] = "cron.looked"
    application: str
    name: str
    schedule: str


CRON_RECORDS = (CronLooked,)


class Crons(Part):
    """Until when each schedule was looked at."""

    def __init__(self) -> None:
        super().__init__()
        self._looked: dict[tuple[str, str], CronLooked] = {}

    def apply(self, record: Record) -> None:
        if isinstance(record, CronLooked):
            self._looked[record.application, record.name] = record

    def records(self) -> Iterator[Record]:
        yield from self._looked.values()

    def due(self, application: str, crons: Mapping[str, str], until: datetime) -> list[CronLooked]:
        """For each schedule that had a time since it was looked at last, what says that it was
        looked at until now: to be written down together with its run. One that is new, or another
        than before, counts from now on."""
        due = []
        for name, schedule in crons.items():
            last = self._looked.get((application, name))
            looked = CronLooked(at=until, application=application, name=name, schedule=schedule)
            if last is None or last.schedule != schedule:
                self.looked(looked)
            elif next(CronSim(schedule, last.at)) <= until:
                due.append(looked)
        return due

    def looked(self, record: CronLooked) -> None:
        """Note that a schedule was looked at, and that nothing runs for it."""
        with self.still():
            self._write(record)
