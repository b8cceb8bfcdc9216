"""A stretch of leave, in half days. Pure arithmetic; nothing here knows of the database."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Span:
    """From `first` (at noon, if `starts_at_noon`) to the end, or noon, of `last`."""

    first: date
    last: date
    starts_at_noon: bool = False
    ends_at_noon: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether it ends before, or when, it starts."""
        return self._start >= self._end

    # Half days are numbered from the calendar's first: mornings are even, afternoons odd.
    @property
    def _start(self) -> int:
        return self.first.toordinal() * 2 + self.starts_at_noon

    @property
    def _end(self) -> int:
        return self.last.toordinal() * 2 + (1 if self.ends_at_noon else 2)

    def overlaps(self, other: "Span") -> bool:
        """Whether the two share a half day."""
        return self._start < other._end and other._start < self._end

    def days(self) -> Iterator[date]:
        """Every calendar day that it touches."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=offset)

    def half_days_on(self, day: date) -> int:
        """How many halves of `day` it covers: 0, 1 or 2."""
        morning = day.toordinal() * 2
        return max(0, min(self._end, morning + 2) - max(self._start, morning))

    def working_half_days(self, holidays: Collection[date]) -> int:
        """How many half days of work it takes: weekends and `holidays` don't count."""
        return sum(self.half_days_on(day) for day in self.days() if is_working(day, holidays))


def is_working(day: date, holidays: Collection[date]) -> bool:
    """Whether people work on `day`."""
    return day.weekday() < SATURDAY and day not in holidays


def format_days(half_days: int) -> str:
    """3 half days are "1.5 days"."""
    number = f"{half_days / 2:g}"
    return f"{number} day" if number in {"1", "0.5"} else f"{number} days"
