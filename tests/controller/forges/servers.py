"""An ASGI application behind a real server on this machine's loopback."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from beeyard.waiting import SystemClock, wait_until


class Exchangeable:
    """An application in whose place each test puts its own, so that a server serves them all."""

    def __init__(self) -> None:
        self.inner: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.inner(scope, receive, send)


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve it until the end; gives its URL."""
    config = uvicorn.Config(
        application,
        host="127.0.0.1",
        port=0,
        log_level="critical",
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server of a test")
    thread.start()
    try:
        wait_until(lambda: server.started, clock=SystemClock(), deadline=10, interval=0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
        assert not thread.is_alive()
