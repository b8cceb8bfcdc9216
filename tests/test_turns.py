"""Every slow test has its turn, in `make test` as it is."""

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
    assert taken(items, "turn", 0) == {
        "test_quick",
        "test_drill[0]",
        "test_first[0]",
        "test_first[1]",
    }
    assert taken(items, "turn", 4 * turns.PARTS + 1) == {
        "test_quick",
        "test_drill[1]",
        "test_second",
    }
    assert taken(items, "turn", 7) == {"test_quick", "test_drill[3]", "test_last"}
    runs = [taken(items, "turn", turn) for turn in range(turns.PARTS)]
    assert set().union(*runs) == {item.name for item in items}


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
