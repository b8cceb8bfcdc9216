"""Every slow test has its turn, in `make test` as it is."""

import pytest

import turns

TESTS = """
import pytest
def test_quick(): pass
@pytest.mark.drill
@pytest.mark.parametrize("n", range(4))
def test_drill(n): pass
@pytest.mark.slow
@pytest.mark.parametrize("n", range(7))
def test_slow(n): pass
@pytest.mark.slow("whole")
@pytest.mark.parametrize("n", range(2))
def test_whole(n): pass
@pytest.mark.slow("other")
def test_other(): pass
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


def test_each_has_its_turn_and_a_unit_stays_together(items: list[pytest.Item]) -> None:
    runs = [taken(items, "turn", turn) for turn in range(4)]
    for run in runs:
        assert "test_quick" in run
        assert len([name for name in run if "drill" in name]) == 1
        assert len(run & {"test_whole[0]", "test_whole[1]"}) != 1
        assert not {"test_other", "test_whole[0]"} <= run
    assert set().union(*runs) == {item.name for item in items}
    assert set().union(*runs[:3]) | {"test_drill[3]"} == {item.name for item in items}


def test_processes_agree_on_the_turn_and_it_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(turns.VARIABLE, "7")
    turns.begin()
    assert turns.number() == 7
    monkeypatch.delenv(turns.VARIABLE)
    turns.begin()
    assert turns.number() > 60_000
