"""The table of drills."""

from types import SimpleNamespace
from typing import Any

from drills.table import drills_of, lines


def report(when: str, outcome: str = "passed", **changes: Any) -> SimpleNamespace:
    fields: dict[str, Any] = {
        "nodeid": "tests/drills/test_nodes.py::test_grow",
        "keywords": {"drill": 1, "test_grow": 1},
        "when": when,
        "outcome": outcome,
        "duration": 2.0,
        "user_properties": [],
    }
    return SimpleNamespace(**(fields | changes))


def test_a_drill_is_all_of_its_phases() -> None:
    noted = [("killed at", ["lock", "nodes"]), ("seconds", 3.5)]
    (drill,) = drills_of(
        [
            report("setup"),
            report("call"),
            report("teardown", user_properties=noted),
            report("call", keywords={"cluster": 1}, nodeid="another"),
        ]
    )
    assert (drill.name, drill.result, drill.seconds) == ("test_nodes: test_grow", "green", 6.0)
    assert drill.noted == "killed at: lock, nodes; seconds: 3.5"


def test_one_that_failed_at_its_end_is_red() -> None:
    (drill,) = drills_of([report("setup"), report("call"), report("teardown", "failed")])
    assert drill.result == "red (teardown)"


def test_the_table_names_the_commit() -> None:
    said = list(lines(drills_of([report("call")])))
    assert said[2] == "| test_nodes: test_grow | green | 2 |  |"
    assert said[-1].startswith("commit: ")
