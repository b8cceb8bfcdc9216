"""Waiting for a condition, with a deadline, on a clock that tests can hold."""

import time
from collections.abc import Callable
from typing import Protocol


class Clock(Protocol):
    """Time, as far as beeyard uses it (seconds)."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class Timeout(Exception):
    """The condition did not come true in time; the caller says what that means."""


def wait_until(
    condition: Callable[[], bool], *, clock: Clock, deadline: float, interval: float = 0.5
) -> float:
    """Ask `condition` every `interval` seconds; give the seconds it took, or raise Timeout."""
    start = clock.monotonic()
    while not condition():
        if clock.monotonic() - start >= deadline:
            raise Timeout
        clock.sleep(interval)
    return clock.monotonic() - start
