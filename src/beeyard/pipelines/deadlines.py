"""Until when things are waited for."""

import time


class Deadlines:
    """When something is to have happened, on the monotonic clock (seconds)."""

    def __init__(self, job: float) -> None:
        self.job = job
        self.steps: dict[str, float] = {}
        self._ends: dict[str, float] = {}

    def left(self) -> float | None:
        """Seconds to the next; None: there is none."""
        next_one = min(self.job, *self.steps.values(), *self._ends.values(), float("inf"))
        return None if next_one == float("inf") else max(0.0, next_one - time.monotonic())

    def passed(self, now: float) -> list[str]:
        """Steps that are to be stopped."""
        return [name for name, end in self.steps.items() if now >= end]

    def stuck(self, now: float) -> list[str]:
        """Steps that were stopped, and did not end."""
        return [name for name, end in self._ends.items() if now >= end]

    def expect_end(self, name: str, end: float) -> None:
        """It was told to end: so that is all that is waited for."""
        self.steps.pop(name, None)
        self._ends.setdefault(name, end)

    def forget(self, name: str) -> None:
        """It has ended."""
        self.steps.pop(name, None)
        self._ends.pop(name, None)
