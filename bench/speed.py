"""How long `beeyard up` takes: the first time, and with nothing to do."""

import statistics
from collections.abc import Sequence

from beeyard.errors import UnverifiedError
from bench.table import Row
from bench.yard import Yard, say

UP_SECONDS = 120.0
AGAIN_SECONDS = 20.0
_ROUNDS = 3


def up(yard: Yard) -> Sequence[Row]:
    """From no cluster to one whose addresses all answer; the sandbox's images are there already."""
    say("== up")
    result, seconds = yard.up()
    phases = sorted(result["seconds"].items(), key=lambda phase: -phase[1])
    longest = ", ".join(f"{name} {taken:.0f} s" for name, taken in phases[:4])
    return [Row("`up`, images cached", seconds, "s", UP_SECONDS, longest)]


def again(yard: Yard) -> Sequence[Row]:
    """`up` on a cluster that is as it should be: the median."""
    taken = [unchanged(yard) for _ in range(_ROUNDS)]
    note = "median of " + ", ".join(f"{seconds:.1f}" for seconds in taken)
    return [Row("`up`, nothing to do", statistics.median(taken), "s", AGAIN_SECONDS, note)]


def unchanged(yard: Yard) -> float:
    """Seconds of an `up` that has nothing to do. Raises UnverifiedError if it did something."""
    result, seconds = yard.up()
    if result["changes"]:
        raise UnverifiedError(
            f"an `up` with nothing to do made {result['changes']} changes",
            fix="see with `beeyard provision --check` and `beeyard up` what it is",
        )
    return seconds
