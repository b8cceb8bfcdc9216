"""Which schedules are due."""

from datetime import UTC, datetime, timedelta

import pytest

from beeyard.controller.crons import due

THREE = datetime(2030, 1, 2, 3, 0, tzinfo=UTC)
CRONS = {"nightly": "0 3 * * *", "weekly": "0 3 * * 0"}


@pytest.mark.parametrize(
    ("since", "until", "names"),
    [
        (-5, 0, ["nightly"]),
        (-5, -1, []),
        (0, 5, []),
        (-3 * 86400, 5, ["nightly"]),
        (-7 * 86400, 5, ["nightly", "weekly"]),
    ],
)
def test_each_that_had_a_time_meanwhile_once(since: float, until: float, names: list[str]) -> None:
    found = due(CRONS, THREE + timedelta(seconds=since), THREE + timedelta(seconds=until))
    assert list(found) == names
