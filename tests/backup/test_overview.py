"""How old the data would be, and whether a backup is missing."""

from datetime import timedelta

import pytest

from backup.example import NOW, taken
from beeyard.backup import Proof
from beeyard.config.backups import Backups
from beeyard.workflows.backup_overview import age
from cloud.example import spec


@pytest.mark.parametrize(
    ("times", "hours"),
    [(["03:00"], 24), (["03:00", "15:00"], 12), (["09:00", "03:00"], 18), ([], None)],
)
def test_the_longest_time_between_two(times: list[str], hours: int | None) -> None:
    gap = Backups(times=tuple(times)).longest_gap
    assert gap == (None if hours is None else timedelta(hours=hours))


@pytest.mark.parametrize(("hours", "late"), [(1, False), (24.9, False), (25.1, True)])
def test_one_that_should_be_there_is_missed(hours: float, late: bool) -> None:
    backup = taken(NOW - timedelta(hours=hours))
    found = age(spec(), "database", backup, [backup], NOW)
    assert found.rpo == hours * 3600
    assert found.late is late
    assert found.rto is None


def test_without_any_all_is_lost() -> None:
    assert age(spec(), "files", None, [], NOW).late is True
    unscheduled = spec(backups={"times": []})
    found = age(unscheduled, "files", None, [], NOW)
    assert (found.id, found.rpo, found.late) == (None, None, False)


def test_how_long_it_took_is_that_of_the_last_try_that_went_well() -> None:
    failed, went, older = (
        taken(NOW - timedelta(hours=hours), proof=Proof(NOW, "verify", seconds, problems))
        for hours, seconds, problems in ((1, 9.0, ("x",)), (2, 5.0, ()), (3, 7.0, ()))
    )
    assert age(spec(), "files", went, [failed, went, older], NOW).rto == 5.0
