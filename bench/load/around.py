"""Something is done while the load goes on."""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from beeyard.errors import ToolError
from beeyard.process import Command, LocalRunner, Running
from beeyard.waiting import SystemClock, Timeout, wait_until
from bench.load.exchange import Ingress, read
from bench.load.generator import SENDING
from bench.load.result import LoadResult

CONNECTIONS = 50
_ROOT = Path(__file__).resolve().parents[2]
_BEFORE_SECONDS = 10.0
_AFTER_SECONDS = 5.0


@dataclass(frozen=True)
class Load:
    """Requests per second to one place."""

    ingress: Ingress
    rate: float

    def around(self, action: Callable[[], object], *, at_least: int = 0) -> LoadResult:
        """Send for 10 s, do it, and send for 5 s more, or until `at_least` requests were sent.

        Raises ToolError if the generator can't send, and whatever `action` raises.
        """
        with tempfile.TemporaryDirectory(prefix="beeyard-load-") as folder:
            file = Path(folder) / "exchanges.csv"
            with self._sending(file) as generator:
                started = time.monotonic()
                time.sleep(_BEFORE_SECONDS)
                began = time.monotonic()
                action()
                ended = time.monotonic()
                # Both are spans of time; there is nothing else to be waited for.
                time.sleep(max(_AFTER_SECONDS, started + at_least / self.rate - ended))
            if generator.code != 0:
                raise ToolError("the load was not sent to its end", why=generator.said())
            return LoadResult(read(file), began, ended)

    @contextmanager
    def _sending(self, file: Path) -> Iterator[Running]:
        generator = LocalRunner().start(Command(self._argv(file), cwd=_ROOT))
        try:
            self._await_first(generator)
            yield generator
        finally:
            generator.stop()

    def _await_first(self, generator: Running) -> None:
        try:
            wait_until(
                lambda: generator.code is not None or SENDING in generator.said(),
                clock=SystemClock(),
                deadline=30,
                interval=0.05,
            )
        except Timeout:
            raise ToolError("the load does not begin", why="no connection in 30 s") from None
        if generator.code is not None:
            raise ToolError("the load does not begin", why=generator.said())

    def _argv(self, file: Path) -> list[str]:
        to = self.ingress
        return [
            *(sys.executable, "-m", "bench.load.generator"),
            *("--address", to.address, "--port", str(to.port), "--host", to.host),
            *("--ca", str(to.ca), "--rate", str(self.rate)),
            *("--connections", str(CONNECTIONS), "--output", str(file)),
        ]
