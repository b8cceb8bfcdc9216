"""Whether this replica is on its way out."""


class Lifecycle:
    """Starts as serving; `drain()` is for good."""

    def __init__(self) -> None:
        self.draining = False

    def drain(self) -> None:
        """From now on the health check fails, while requests are still answered."""
        self.draining = True
