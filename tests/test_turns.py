"""Every slow test has its turn, in `make test` as it is."""

import time

import pytest

import turns

TESTS = """
import pytest
def test_quick(): pass
@pytest.mark.drill
@pytest.mark.parametrize("n", range(4))
def test_drill(n): pass
@pytest.mark.slow(0)
@pytest.mark.parametrize("n", range(2))
def test_first(n): pass
@pytest.mark.slow(1)
def test_second(): pass
@pytest.mark.slow(7)
def test_last(): pass
"""


@pytest.fixture
def items(pytester: pytest.Pytester) -> list[pytest.Item]:
    pytester.makeini("[pytest]\nmarkers =\n    drill\n    slow")
    found, _ = pytester.inline_genitems(pytester.makepyfile(TESTS))
    return list(found)


def taken(items: list[pytest.Item], which: str, turn: int) -> set[str]:
    out = turns.left_out(items, which, turn)
    return {item.name for item in items if item not in out}


def test_all_and_none(items: list[pytest.Item]) -> None:
    assert taken(items, "all", 5) == {item.name for item in items}
    assert taken(items, "none", 5) == {"test_quick"}


def test_each_has_its_turn(items: list[pytest.Item]) -> None:
    assert taken(items, "turn", 0) == {"test_quick", "test_drill[0]"}
    assert taken(items, "turn", 1) == {"test_quick", "test_first[0]", "test_first[1]"}
    assert taken(items, "turn", 2) == {"test_quick", "test_drill[1]"}
    assert taken(items, "turn", 3) == {"test_quick", "test_second"}
    assert taken(items, "turn", 15) == {"test_quick", "test_last"}
    assert taken(items, "turn", 16) == {"test_quick", "test_drill[0]"}


@pytest.mark.parametrize("drills", [4, 5, 6, 10])
def test_a_run_each_day_meets_all(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, drills: int
) -> None:
    pytester.makeini("[pytest]\nmarkers =\n    drill\n    slow")
    text = TESTS.replace("range(4)", f"range({drills})")
    items, _ = pytester.inline_genitems(pytester.makepyfile(text))
    for hour in range(24):
        met = set()
        for day in range(2 * (drills + 1) * turns.PARTS):
            monkeypatch.delenv(turns.VARIABLE, raising=False)
            monkeypatch.setattr(time, "time", lambda at=24 * day + hour: at * 3600.0)
            turns.begin()
            met |= taken(list(items), "turn", turns.number())
        assert met == {item.name for item in items}, hour


@pytest.mark.parametrize("mark", ["slow", "slow(8)", "slow('mine')"])
def test_a_part_without_a_turn_is_refused(pytester: pytest.Pytester, mark: str) -> None:
    pytester.makeini("[pytest]\nmarkers = slow")
    text = f"import pytest\n@pytest.mark.{mark}\ndef test_it(): pass\n"
    found, _ = pytester.inline_genitems(pytester.makepyfile(text))
    with pytest.raises(pytest.UsageError, match=r"write `slow\(0\)` to `slow\(7\)`"):
        turns.left_out(found, "turn", 0)


def test_processes_agree_on_the_turn_and_it_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(turns.VARIABLE, "7")
    turns.begin()
    assert turns.number() == 7
    monkeypatch.delenv(turns.VARIABLE)
    turns.begin()
    assert turns.number() > 60_000
