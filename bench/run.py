"""`make bench`: speed and memory of a rehearsed cluster, measured for real, as a table.

A cluster of its own (`bench`) is brought up in the sandbox and taken down again at the end,
whatever happens in between. Progress goes to standard error, the table to standard output.
"""

import argparse
import signal
import sys
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from beeyard.cli.signals import Stopped
from beeyard.errors import BeeyardError, Interrupted, render
from bench import (
    deploys,
    growth,
    images,
    machine,
    memory,
    pipelines,
    pushes,
    ratios,
    rollouts,
    speed,
)
from bench.table import Row, as_json, as_markdown
from bench.yard import Yard, say

#: What is measured on the running cluster, in this order. `up` comes before all of them.
MEASUREMENTS: dict[str, Callable[[Yard], Iterable[Row]]] = {
    "memory": memory.measure,
    "again": speed.again,
    "mitogen": ratios.mitogen,
    "by-hand": ratios.by_hand,
    "deploy": deploys.by_hand,
    "services": deploys.services,
    "pipelines": pipelines.measure,
    "one-more": growth.one_more,
}
#: What takes long, so that it has to be asked for: more than ten minutes each.
LONG: dict[str, Callable[[Yard], Iterable[Row]]] = {
    "load": rollouts.measure,
    "abrupt": rollouts.abrupt,
}


def main() -> int:
    """Measure what the arguments ask for; gives the exit code.

    0: measured, and every goal holds. 1: a goal does not hold. Otherwise an error's own code.
    """
    arguments = _parser().parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    here, rows, code = machine.describe(), list[Row](), 0
    try:
        wanted = frozenset(arguments.only)
        with closing(measure(wanted, cold=arguments.cold, plot=arguments.plot)) as measured:
            for some in measured:
                rows.extend(some)
    except (KeyboardInterrupt, Stopped):
        code = Interrupted.exit_code
    except BeeyardError as error:
        sys.stderr.write(render(error) + "\n")
        code = error.exit_code
    # Also after a failure: what was measured until then took its time.
    sys.stdout.write(as_json(here, rows) if arguments.json else as_markdown(here, rows))
    return code or int(any(row.holds is False for row in rows))


def measure(only: frozenset[str], *, cold: bool, plot: Path | None) -> Generator[Iterable[Row]]:
    """Measure these, or with none of them all that is not LONG. `cold`: the images are made from
    nothing first. `plot`: where the curves of `sizes` are drawn."""
    if only != {"pushes"}:
        yield images.measure(cold=cold)
    if not only or "pushes" in only:
        yield pushes.measure()
    if not only or "sizes" in only:
        yield growth.sizes(plot)
    if only and only <= {"images", "pushes", "sizes"}:
        return
    with Yard.opened() as yard:
        first = speed.up(yard)
        if not only or "up" in only:
            yield first
        for name, measurement in (MEASUREMENTS | LONG).items():
            if name in only or (not only and name not in LONG):
                say(f"== {name}")
                yield measurement(yard)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench/run.py",
        description="Measure a rehearsed cluster. Ends with 1 if a goal is missed.",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        choices=["images", "pushes", "sizes", "up", *MEASUREMENTS, *LONG],
        help="this alone, or these if given again (the cluster is brought up for it all the same)",
    )
    parser.add_argument(
        "--plot", type=Path, metavar="FILE", help="draw the curves of `sizes` into this SVG"
    )
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument(
        "--cold",
        action="store_true",
        help="remove the sandbox's images first, and measure how long it takes to make them",
    )
    return parser


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
