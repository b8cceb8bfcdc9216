"""Half-day arithmetic."""

from datetime import date

import pytest

from timeoff.span import Span, format_days, is_working

MONDAY = date(2026, 6, 1)
FRIDAY = date(2026, 6, 5)
NEXT_MONDAY = date(2026, 6, 8)


@pytest.mark.parametrize(
    ("span", "half_days"),
    [
        (Span(MONDAY, MONDAY), 2),
        (Span(MONDAY, MONDAY, starts_at_noon=True), 1),
        (Span(MONDAY, MONDAY, ends_at_noon=True), 1),
        (Span(MONDAY, FRIDAY), 10),
        (Span(FRIDAY, NEXT_MONDAY), 4),
        (Span(FRIDAY, NEXT_MONDAY, starts_at_noon=True, ends_at_noon=True), 2),
        (Span(date(2026, 6, 6), date(2026, 6, 7)), 0),
        (Span(date(2026, 6, 6), NEXT_MONDAY, starts_at_noon=True), 2),
        (Span(date(2026, 12, 31), date(2027, 1, 1)), 4),
    ],
)
def test_counts_working_time(span: Span, half_days: int) -> None:
    assert span.working_half_days(set()) == half_days


def test_holidays_are_not_counted() -> None:
    assert Span(MONDAY, FRIDAY).working_half_days({date(2026, 6, 3)}) == 8
    assert Span(MONDAY, MONDAY, starts_at_noon=True).working_half_days({MONDAY}) == 0


def test_is_empty_if_it_ends_before_it_starts() -> None:
    assert Span(FRIDAY, MONDAY).is_empty
    assert Span(MONDAY, MONDAY, starts_at_noon=True, ends_at_noon=True).is_empty
    assert not Span(MONDAY, MONDAY, starts_at_noon=True).is_empty


@pytest.mark.parametrize(
    ("one", "other", "overlap"),
    [
        (Span(MONDAY, FRIDAY), Span(FRIDAY, NEXT_MONDAY), True),
        (Span(MONDAY, MONDAY, ends_at_noon=True), Span(MONDAY, MONDAY, starts_at_noon=True), False),
        (Span(MONDAY, FRIDAY, ends_at_noon=True), Span(FRIDAY, FRIDAY), True),
        (Span(MONDAY, date(2026, 6, 2)), Span(date(2026, 6, 3), FRIDAY), False),
    ],
)
def test_overlap_is_by_half_days(one: Span, other: Span, overlap: bool) -> None:
    assert one.overlaps(other) is overlap
    assert other.overlaps(one) is overlap


def test_weekends_are_off() -> None:
    working = [is_working(date(2026, 6, day), ()) for day in range(1, 8)]
    assert working == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("half_days", "text"),
    [(0, "0 days"), (1, "0.5 day"), (2, "1 day"), (3, "1.5 days"), (50, "25 days")],
)
def test_days_as_people_write_them(half_days: int, text: str) -> None:
    assert format_days(half_days) == text
