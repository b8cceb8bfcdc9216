"""Which slow tests a run takes. All of them take hours; `make test` has minutes, so it takes those
whose turn it is: one drill or one part of the others, in turn. There are five turns a day (UTC),
and five divides neither the number of parts nor that of drills' turns: so a run that is made at the
same hour each day meets all of them as well.
"""

import os
import time
from collections.abc import Sequence

import pytest

#: The number of the turn: set it to repeat what another run took. Not one of beeyard's own.
VARIABLE = "TESTS_TURN"
_A_DAY = 5
_SECONDS = 24 * 3600 // _A_DAY
#: `slow(0)` to `slow(7)`, of about the same length. Tests that build on each other share one.
PARTS = 8


def begin() -> None:
    """Choose the turn, once for all processes of this run."""
    os.environ.setdefault(VARIABLE, str(int(time.time()) // _SECONDS))


def number() -> int:
    return int(os.environ[VARIABLE])


def left_out(items: Sequence[pytest.Item], which: str, turn: int) -> set[pytest.Item]:
    """Of the tests those that a run does not take. `which` slow ones it takes: "all", "turn", or
    "none". Raises UsageError for a part that has no turn."""
    drills = [item for item in items if item.get_closest_marker("drill")]
    parts = {item: part for item in items if (part := _part(item)) is not None}
    out = {*drills, *parts} if which != "all" else set()
    if which == "turn":
        if turn % 2:
            out -= {item for item, part in parts.items() if part == turn // 2 % PARTS}
        elif drills:
            out.remove(drills[turn // 2 % _turns_of(drills) % len(drills)])
    return out


def _turns_of(drills: Sequence[pytest.Item]) -> int:
    """In how many turns each has had one; the first has two, where five would divide the number."""
    return len(drills) + (len(drills) % _A_DAY == 0)


def _part(item: pytest.Item) -> int | None:
    mark = item.get_closest_marker("slow")
    if mark is None:
        return None
    if len(mark.args) != 1 or mark.args[0] not in range(PARTS):
        raise pytest.UsageError(f"{item.nodeid}: write `slow(0)` to `slow({PARTS - 1})`")
    return int(mark.args[0])
