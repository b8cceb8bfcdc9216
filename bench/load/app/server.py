# mypy: disable-error-code="import-not-found, misc, unused-ignore"
"""`python server.py`: the application behind uvicorn, with a good and a bad way out.

DATABASE_URL_FILE  a file with the database's address
VERSION            which release this is, for the page
DRAIN_SECONDS      after SIGTERM the health check fails while requests are answered for so long
ABRUPT             if 1, SIGTERM ends it at once, whatever it is doing
"""

import asyncio
import os
import signal
from pathlib import Path
from types import FrameType

import uvicorn
from entries import Entries, open_database

# Longer than the proxy keeps idle connections (Traefik: 90 s), so that it is the proxy who closes
# them, and never sends a request into one that this side is just closing.
KEEP_ALIVE_SECONDS = 120
# For requests that are still being answered when the drain is over.
LAST_REQUESTS_SECONDS = 8


class Lifecycle:
    """Starts as serving; `drain()` is for good."""

    def __init__(self) -> None:
        self.draining = False

    def drain(self) -> None:
        """From now on the health check fails, while requests are still answered."""
        self.draining = True


class Server(uvicorn.Server):
    """Drains on SIGTERM: fails its health check, serves for `drain_seconds`, ends. Or, if
    `abrupt`, ends in the middle of whatever it does."""

    def __init__(
        self, config: uvicorn.Config, lifecycle: Lifecycle, *, drain_seconds: float, abrupt: bool
    ) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_seconds = drain_seconds
        self._abrupt = abrupt

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal; uvicorn installs this for SIGTERM and SIGINT, in its event loop."""
        if sig == signal.SIGTERM and self._abrupt:
            os._exit(0)
        if sig != signal.SIGTERM or self._lifecycle.draining:
            super().handle_exit(sig, frame)
            return
        self._lifecycle.drain()
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, self._drain_seconds, self._end)

    def _end(self) -> None:
        self.should_exit = True


def main() -> None:
    """Serve until told to end."""
    environment, lifecycle = os.environ, Lifecycle()
    engine = open_database(Path(environment["DATABASE_URL_FILE"]).read_text().strip())
    entries = Entries(engine, environment.get("VERSION", "1"), lambda: lifecycle.draining)
    config = uvicorn.Config(
        entries.application(),
        host="0.0.0.0",  # noqa: S104  (a container is reached from outside itself)
        port=8000,
        log_level="warning",
        access_log=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
    )
    Server(
        config,
        lifecycle,
        drain_seconds=float(environment.get("DRAIN_SECONDS", "6")),
        abrupt=environment.get("ABRUPT") == "1",
    ).run()


if __name__ == "__main__":
    main()
