"""A clock that moves only when something sleeps on it."""


class FakeClock:
    """A `Clock` whose seconds pass at once. `slept` holds each wait, in order."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")
        self.slept.append(seconds)
        self._now += seconds
