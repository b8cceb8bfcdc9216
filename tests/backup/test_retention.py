"""Which backups are kept."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from backup.example import NOW, manifest, taken
from beeyard.backup import Backup, Proof
from beeyard.backup.model import BEFORE
from beeyard.backup.retention import outdated

GOOD, BAD = Proof(NOW, "verify", 1.0), Proof(NOW, "verify", 1.0, ("it differs",))


def days(*ages: float, proof: Proof | None = None) -> list[Backup]:
    return [taken(NOW - timedelta(days=age), proof=proof) for age in ages]


def left(backups: list[Backup], *, daily: int = 2, weekly: int = 0) -> list[float]:
    gone = outdated(backups, NOW, daily=daily, weekly=weekly)
    return [(NOW - one.manifest.taken_at) / timedelta(days=1) for one in backups if one not in gone]


def test_the_newest_of_each_day() -> None:
    assert left(days(0.1, 0.2, 1.1, 1.2, 2.1)) == [0.1, 0.2, 1.1]


def test_the_newest_of_each_week() -> None:
    # NOW is a Tuesday.
    assert left(days(0, 1.5, 2.5, 3.5, 9.5, 10.5), daily=1, weekly=3) == [0, 2.5, 9.5]


def test_days_without_a_backup_do_not_count() -> None:
    assert left(days(40, 60, 80)) == [40, 60]


def test_the_last_good_and_the_last_proved_one_stay() -> None:
    bad, whole, proved = days(1.1, 2.1, proof=BAD), days(50, 51), days(90, 91, proof=GOOD)
    assert left([*bad, *whole, *proved], daily=1) == [50, 90]


def test_the_last_of_all_stays_though_it_is_bad() -> None:
    assert left(days(3, 4, proof=BAD)) == [3]


def test_one_of_the_future_displaces_none() -> None:
    assert left(days(-3, -2, 2, 3), daily=1) == [-3, -2, 2]


def test_what_was_there_before_a_restore_is_kept_besides() -> None:
    at = NOW - timedelta(days=1.1)
    before = Backup(manifest(id="before", taken_at=at, versions={BEFORE: "x"}))
    backups = [before, *days(1.2, 2.2, 3.2)]
    assert left(backups) == [1.1, 1.2, 2.2]
    assert left(backups, daily=1) == [1.2]


def test_an_incomplete_one_displaces_none_and_is_kept_as_others_are() -> None:
    """What is missing in it is in those that are complete; what is in it, perhaps in no other."""

    def cut(age: float) -> Backup:
        at = NOW - timedelta(days=age)
        return Backup(manifest(id=f"cut {age}", taken_at=at, versions={"left out: shop": "broken"}))

    backups = [cut(1.1), cut(1.2), *days(1.3, 1.4), cut(2.1), *days(5.1, 6.1, 7.1)]
    assert left(backups) == [1.1, 1.3, 2.1, 5.1]
    assert left([cut(3), cut(4)], daily=1) == [3]


@given(
    st.lists(st.tuples(st.floats(0, 400), st.sampled_from([None, GOOD, BAD])), max_size=30),
    st.integers(1, 10),
    st.integers(0, 10),
)
def test_one_that_is_good_is_always_left(
    given_: list[tuple[float, Proof | None]], daily: int, weekly: int
) -> None:
    backups = [
        one
        for age, proof in sorted(given_, key=lambda one: one[0])
        for one in days(age, proof=proof)
    ]
    gone = outdated(backups, NOW, daily=daily, weekly=weekly)
    for state in ("whole", "proved"):
        had = [one for one in backups if one.state != "bad" and state in (one.state, "whole")]
        assert not had or any(one not in gone for one in had)
    # Again, and nothing more goes.
    rest = [one for one in backups if one not in gone]
    assert outdated(rest, NOW, daily=daily, weekly=weekly) == ()
