"""The team calendar: a month as a grid of weeks, and who is away on each day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from timeoff.leave import may_see
from timeoff.models import LeaveRequest, Status, User
from timeoff.span import is_working

EARLIEST, LATEST = date(2000, 1, 1), date(2100, 12, 1)


@dataclass(frozen=True, slots=True)
class Absence:
    """One person's leave as `viewer` may see it: why, only if it is theirs to know."""

    request: LeaveRequest
    label: str
    tone: str
    is_pending: bool
    is_readable: bool

    @property
    def user(self) -> User:
        """Who is away."""
        return self.request.user


@dataclass(frozen=True, slots=True)
class Day:
    """One square of the grid."""

    date: date
    in_month: bool
    is_today: bool
    is_working: bool
    holiday: str | None
    absences: tuple[Absence, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """What the calendar page shows. `absences` are those that touch the month itself."""

    first: date
    previous: date | None
    next: date | None
    weeks: tuple[tuple[Day, ...], ...]
    absences: tuple[Absence, ...]
    holidays: tuple[tuple[date, str], ...]


def parse(text: str, today: date) -> date:
    """The first day of the month that "2026-11" names; of this month for anything else."""
    try:
        first = date.fromisoformat(f"{text}-01")
    except ValueError:
        return today.replace(day=1)
    return min(max(first, EARLIEST), LATEST)


def grid_bounds(first: date) -> tuple[date, date]:
    """The Monday on or before the month's first day, and the Sunday on or after its last."""
    last = _following(first) - timedelta(days=1)
    return (
        first - timedelta(days=first.weekday()),
        last + timedelta(days=6 - last.weekday()),
    )


def build(
    first: date,
    today: date,
    viewer: User,
    requests: Sequence[LeaveRequest],
    holidays: Mapping[date, str],
) -> Month:
    """Lay `requests` out over the month that begins on `first`."""
    start, end = grid_bounds(first)
    after = _following(first)
    shown = [item for item in (_absence(request, viewer) for request in requests) if item]

    def day(current: date) -> Day:
        working = is_working(current, holidays)
        return Day(
            date=current,
            in_month=current.month == first.month,
            is_today=current == today,
            is_working=working,
            holiday=holidays.get(current),
            absences=tuple(
                item for item in shown if working and item.request.span.half_days_on(current)
            ),
        )

    days = [day(start + timedelta(days=offset)) for offset in range((end - start).days + 1)]
    return Month(
        first=first,
        previous=_preceding(first) if first > EARLIEST else None,
        next=after if first < LATEST else None,
        weeks=tuple(tuple(days[week : week + 7]) for week in range(0, len(days), 7)),
        absences=tuple(
            item
            for item in shown
            if item.request.starts_on < after and item.request.ends_on >= first
        ),
        holidays=tuple(sorted(item for item in holidays.items() if first <= item[0] < after)),
    )


def _absence(request: LeaveRequest, viewer: User) -> Absence | None:
    """None if the request is pending and not the viewer's to know of."""
    readable = may_see(viewer, request)
    is_pending = request.status is Status.PENDING
    if is_pending and not readable:
        return None
    return Absence(
        request=request,
        label=request.leave_type.name if readable else "Away",
        tone=request.leave_type.tone.value if readable else "slate",
        is_pending=is_pending,
        is_readable=readable,
    )


def _following(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _preceding(first: date) -> date:
    return (first - timedelta(days=1)).replace(day=1)
