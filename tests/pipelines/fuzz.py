"""Try files without end: `PYTHONPATH=tests python -m pipelines.fuzz --minutes 10`.

Each round has another seed, so that no two are the same; what fails is made as small as possible
and shown, and the exit code is 1.
"""

import argparse
import sys
import time
from collections.abc import Mapping

from hypothesis import HealthCheck, Phase, given, seed, settings

from pipelines.checks import check
from pipelines.mutations import FILES, VALUES

_ROUND = 500


class Tally:
    """What was tried so far."""

    def __init__(self) -> None:
        self.files = 0
        self.good = 0
        self.slowest = (0.0, 0)

    def add(self, text: str, *, good: bool, seconds: float) -> None:
        self.files += 1
        self.good += good
        self.slowest = max(self.slowest, (seconds, len(text)))

    def __str__(self) -> str:
        seconds, length = self.slowest
        return (
            f"{self.files} files, {self.good} of them good; "
            f"the slowest took {seconds:.2f} s of processor time ({length} characters)"
        )


def run_round(number: int, tally: Tally) -> None:
    """Try some hundred files. Raises for the first that does what must not be, made small."""

    @seed(number)
    @settings(
        max_examples=_ROUND,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(FILES, VALUES)
    def attempt(text: str, values: Mapping[str, str]) -> None:
        good, seconds = check(text, values)
        tally.add(text, good=good, seconds=seconds)

    attempt()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    tally = Tally()
    end = time.monotonic() + options.minutes * 60
    number = options.seed
    sys.stdout.write(f"seed {number}\n")
    try:
        while time.monotonic() < end:
            run_round(number, tally)
            number += 1
    finally:
        sys.stdout.write(f"{tally}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
