"""Of drills it is told how they ended, while others go on."""

import pytest

from drills.told import Told

TESTS = """
import pytest
pytestmark = pytest.mark.drill
def test_green(): pass
def test_red():
    assert 1 == 2, "the disk is full"
@pytest.fixture
def whole():
    yield
    raise AssertionError("not whole again")
def test_left_broken(whole): pass
"""


@pytest.mark.parametrize("processes", [(), ("--numprocesses=1",)])
def test_each_is_told_when_it_has_ended_and_why_it_is_red(
    pytester: pytest.Pytester, processes: tuple[str, ...]
) -> None:
    pytester.makeini("[pytest]\nmarkers = drill")
    pytester.makepyfile(test_luck=TESTS)
    said = pytester.runpytest_inprocess(*processes, plugins=[Told()]).outlines
    table = [line for line in said if line.startswith("| test_luck: ")]
    assert [line.split(" | ")[1] for line in table] == ["green", "red (call)", "red (teardown)"]
    assert any(line.startswith("commit: ") for line in said)
    said = said[: said.index(next(line for line in said if "ERRORS" in line))]
    (green, red, left) = (line for line in said if line.startswith("test_luck: "))
    assert green == "test_luck: test_green: green, 0 s"
    assert red == "test_luck: test_red: red (call), 0 s"
    assert left == "test_luck: test_left_broken: red (teardown), 0 s"
    assert any("the disk is full" in line for line in said[said.index(red) : said.index(left)])
    assert any("not whole again" in line for line in said[said.index(left) :])


def test_other_tests_are_not_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_luck="def test_it(): pass")
    said = pytester.runpytest_inprocess(plugins=[Told()]).outlines
    assert not [line for line in said if line.startswith("test_luck: ")]
