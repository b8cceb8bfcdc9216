"""Many pushes at once to a controller of its own: whether any is lost, and what it takes."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.table import Row
from bench.yard import say
from controller.crowd import crowd
from controller.serving import controller

_SECONDS, _MEMORY_MB = 60.0, 300.0


def measure() -> Sequence[Row]:
    """50 pushes over 10 applications; what a runner does is over at once, so that the controller
    is all that they wait for."""
    say("== pushes")
    with tempfile.TemporaryDirectory(prefix="beeyard-bench-") as name:
        folder = Path(name)
        with controller(folder / "controller") as made:
            seen = crowd(made, folder)
    lost = len(set(seen.pushed) - set(seen.runs))
    statuses = list(seen.runs.values())
    unruly = sum(status not in ("success", "superseded") for status in statuses)
    note = f"{statuses.count('success')} ran, {statuses.count('superseded')} were superseded"
    return [
        Row(f"{len(seen.pushed)} pushes over 10 applications", seen.seconds, "s", _SECONDS, note),
        Row("pushes that neither ran nor were superseded", lost + unruly, "", 0),
        Row("the controller's memory after them", seen.memory / 1e6, "MB", _MEMORY_MB),
    ]
