"""Which slow tests a run takes. All of them take hours; `make test` has minutes, so it takes those
whose turn it is: one drill, and every third of the others. A turn lasts eight hours (UTC).
"""

import os
import time
from collections.abc import Sequence

import pytest

#: The number of the turn: set it to repeat what another run took.
VARIABLE = "BEEYARD_TESTS_TURN"
_SECONDS = 8 * 3600
#: In so many turns, each slow test that is no drill has had its own.
PARTS = 3


def begin() -> None:
    """Choose the turn, once for all processes of this run."""
    os.environ.setdefault(VARIABLE, str(int(time.time()) // _SECONDS))


def number() -> int:
    return int(os.environ[VARIABLE])


def left_out(items: Sequence[pytest.Item], which: str, turn: int) -> list[pytest.Item]:
    """Of the tests those that a run does not take. `which` slow ones it takes: "all", "turn", or
    "none"."""
    drills = [item for item in items if item.get_closest_marker("drill")]
    units = {item: unit for item in items if (unit := _unit(item)) and item not in drills}
    taken: set[pytest.Item] = set()
    if which == "all":
        taken = {*drills, *units}
    elif which == "turn":
        taken = {*drills[turn % max(1, len(drills)) :][:1]}
        # Units of many tests first: they take longest, and so no turn has two of them.
        order = sorted(set(units.values()), key=lambda unit: ("::" in unit, unit))
        mine = set(order[turn % PARTS :: PARTS])
        taken |= {item for item, unit in units.items() if unit in mine}
    return [item for item in (*drills, *units) if item not in taken]


def _unit(item: pytest.Item) -> str | None:
    """What a slow test takes its turn with: those of the same name, or itself alone."""
    mark = item.get_closest_marker("slow")
    return str(mark.args[0] if mark.args else item.nodeid) if mark else None
