"""Headers on every answer, whatever made it."""

from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Headers:
    """Adds security headers and the replica's name; while draining, `Connection: close`."""

    def __init__(self, app: ASGIApp, served_by: str, draining: Callable[[], bool]) -> None:
        self._app = app
        self._served_by = served_by
        self._draining = draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._add(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _add(self, headers: MutableHeaders) -> None:
        headers.update(SECURITY)
        headers["X-Served-By"] = self._served_by
        headers.setdefault("Cache-Control", "no-store")
        if self._draining():
            # Proxies keep connections open; this makes them use another replica's.
            headers["Connection"] = "close"
