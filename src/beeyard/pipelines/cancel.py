"""A wish to stop, which may come at any time and from any thread."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Cancel:
    """Set once, with why; like a `threading.Event` beyond that."""

    def __init__(self) -> None:
        self._event = threading.Event()
        self._lock = threading.Lock()
        self._hearers: list[Callable[[], None]] = []
        self.reason = ""

    def set(self, reason: str = "") -> bool:
        """Wish it, and tell those who asked for it, in this thread. False: it was set already."""
        with self._lock:
            if self._event.is_set():
                return False
            self.reason = reason
            self._event.set()
            hearers = tuple(self._hearers)
        for hear in hearers:
            hear()
        return True

    def is_set(self) -> bool:
        return self._event.is_set()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for it, for `timeout` seconds at most; whether it came."""
        return self._event.wait(timeout)

    @contextmanager
    def calling(self, hear: Callable[[], None]) -> Iterator[None]:
        """Within, `hear` is called when it is set; at once, if it is."""
        with self._lock:
            now = self._event.is_set()
            self._hearers.append(hear)
        try:
            if now:
                hear()
            yield
        finally:
            with self._lock:
                self._hearers.remove(hear)
