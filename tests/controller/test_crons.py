"""Which schedules are due, also after a time without a controller."""

from datetime import UTC, datetime, timedelta

import pytest

from beeyard.controller.crons import Crons
from controller.paper import Paper

THREE = datetime(2030, 1, 2, 3, 0, tzinfo=UTC)
CRONS = {"nightly": "0 3 * * *", "weekly": "0 3 * * 0"}


def at(seconds: float) -> datetime:
    return THREE + timedelta(seconds=seconds)


def names(crons: Crons, until: float, schedules: dict[str, str] = CRONS) -> list[str]:
    """What is due, with each noted as begun."""
    found = crons.due("shop", schedules, at(until))
    for looked in found:
        crons.looked(looked)
    return [looked.name for looked in found]


@pytest.mark.parametrize(
    ("since", "until", "due"),
    [
        (-5, 0, ["nightly"]),
        (-5, -1, []),
        (0, 5, []),
        (-3 * 86400, 5, ["nightly"]),
        (-7 * 86400, 5, ["nightly", "weekly"]),
    ],
)
def test_each_that_had_a_time_meanwhile_once(since: float, until: float, due: list[str]) -> None:
    paper = Paper()
    crons = paper.give(Crons())
    assert names(crons, since) == []
    # The copy is killed, and another goes on.
    crons = paper.give(Crons())
    assert names(crons, until) == due
    assert names(crons, until + 0.5) == []
    assert names(paper.give(Crons()), until + 0.5) == []


def test_what_was_looked_at_and_not_written_down_is_due_again() -> None:
    crons = Paper().give(Crons())
    assert names(crons, -5) == []
    assert [one.name for one in crons.due("shop", CRONS, at(1))] == ["nightly"]
    assert names(crons, 2) == ["nightly"]


def test_another_schedule_of_the_name_counts_from_now_on() -> None:
    crons = Paper().give(Crons())
    assert names(crons, -2 * 86400) == []
    assert names(crons, -60, {"nightly": "30 1 * * *"}) == []
    assert names(crons, 60, {"nightly": "30 1 * * *"}) == []
    assert names(crons, 86400, {"nightly": "30 1 * * *"}) == ["nightly"]


def test_compaction_keeps_until_when_they_were_looked_at() -> None:
    crons = Paper().give(Crons())
    assert names(crons, -5) == []
    again = Paper(list(crons.records())).give(Crons())
    assert names(again, 5) == ["nightly"]
