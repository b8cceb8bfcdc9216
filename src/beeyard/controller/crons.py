"""Schedules: which are due. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from cronsim import CronSim


def due(crons: Mapping[str, str], since: datetime, until: datetime) -> Iterator[str]:
    """The names of schedules that had a time after `since`, up to `until` (both in UTC): each once,
    however many it had. What falls into a time without a controller is not made up for."""
    for name, schedule in crons.items():
        if next(CronSim(schedule, since)) <= until:
            yield name
