"""The HTTP server: uvicorn, with a way out on which no request is lost."""

import asyncio
import logging
import signal
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from timeoff.lifecycle import Lifecycle
from timeoff.settings import Settings

log = logging.getLogger(__name__)

# Longer than a proxy keeps idle connections (Traefik: 90 s), so that the proxy closes them, and
# never sends a request into one that this side is just closing.
KEEP_ALIVE_SECONDS = 120
# For requests that are still being answered when the drain is over.
LAST_REQUESTS_SECONDS = 8


class DrainingServer(uvicorn.Server):
    """On SIGTERM fails its health check, goes on serving for `drain_seconds`, then ends.

    A second SIGTERM, or SIGINT, ends the drain. The process ends with exit code 0.
    """

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, drain_seconds: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list | None = None) -> None:  # type: ignore[type-arg]
        """Listen; uvicorn calls this inside its event loop."""
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Take a signal; uvicorn installs this for SIGTERM and SIGINT."""
        first = not self._lifecycle.draining
        self._lifecycle.drain()
        if sig == signal.SIGTERM and first and self._loop is not None:
            log.info("SIGTERM: serving for another %g s", self._drain_seconds)
            self._loop.call_soon_threadsafe(self._end_later)
            return
        self.should_exit = True

    def _end_later(self) -> None:
        asyncio.get_running_loop().call_later(self._drain_seconds, self._end)

    def _end(self) -> None:
        log.info("drained; ending")
        self.should_exit = True


def make_server(app: ASGIApp, settings: Settings, lifecycle: Lifecycle) -> DrainingServer:
    """A server for `app`; call its `run()` in the main thread."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        server_header=False,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
        backlog=512,
    )
    return DrainingServer(config, lifecycle, settings.drain_seconds)
