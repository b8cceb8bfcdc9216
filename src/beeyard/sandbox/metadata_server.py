"""The instance metadata service itself: what runs in the container `metadata`, by itself.

It needs Python's own library alone. What it answers stands in a file, by the node's address (see
`metadata`): it is read anew for each request. Source: Amazon EC2 user guide, "Use IMDSv2".
"""

import json
import re
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

#: Seconds for which a token may be asked for, at most.
_LONGEST = 21_600
#: Milliseconds after which an answer that does not arrive is no longer sent: those that a hop limit
#: keeps from a container would be sent for a quarter of an hour.
_PATIENCE = 10_000
_VERSION = re.compile(r"^/(?:latest|\d{4}-\d\d-\d\d)(?=/|$)")

_WANTED = "X-aws-ec2-metadata-token-ttl-seconds"
_TOKEN = "X-aws-ec2-metadata-token"  # noqa: S105


class Tokens:
    """Those that were given out: each is good for the node that asked, until it ends."""

    def __init__(self) -> None:
        self._given: dict[str, tuple[str, float]] = {}

    def give(self, node: str, seconds: int) -> str:
        now = time.monotonic()
        self._given = {token: held for token, held in self._given.items() if held[1] > now}
        token = secrets.token_urlsafe(40)
        self._given[token] = (node, now + seconds)
        return token

    def holds(self, node: str, token: str) -> bool:
        holder, end = self._given.get(token, ("", 0.0))
        return holder == node and time.monotonic() < end


class Server(ThreadingHTTPServer):
    """Answers what the file `told` holds."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], told: Path) -> None:
        super().__init__(address, Handler)
        self.told = told
        self.tokens = Tokens()

    def node(self, address: str) -> Mapping[str, Any] | None:
        """What was told of the node with that address."""
        found: Mapping[str, Any] | None = json.loads(self.told.read_text()).get(address)
        return found


class Handler(BaseHTTPRequestHandler):
    """One request; the connection ends with it (HTTP/1.0), and so does the hop limit's effect."""

    server: Server
    #: Seconds that somebody may take to ask.
    timeout = 30

    def do_PUT(self) -> None:
        node = self._asker()
        if node is None:
            return
        seconds = self.headers.get(_WANTED, "")
        if _path(self.path) != "api/token":
            self._answer(404)
        elif "X-Forwarded-For" in self.headers:
            # Somebody's proxy was talked into asking.
            self._answer(403)
        elif not (seconds.isdecimal() and 1 <= int(seconds) <= _LONGEST):
            self._answer(400)
        else:
            # What is sent on this connection from now on goes that far, and no container's network
            # is less than one hop behind its node.
            hops = int(node["hop_limit"])
            self.connection.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hops)
            token = self.server.tokens.give(self.client_address[0], int(seconds))
            self._answer(200, token, {_WANTED: seconds})

    def do_GET(self) -> None:
        node = self._asker()
        if node is None:
            return
        token = self.headers.get(_TOKEN)
        if token is None and not node["token_required"]:
            self._page(node)
        elif token is None or not self.server.tokens.holds(self.client_address[0], token):
            self._answer(401)
        else:
            self._page(node)

    def _asker(self) -> Mapping[str, Any] | None:
        """The node that asks, if it may; else it has its answer."""
        node = self.server.node(self.client_address[0])
        if node is None:
            self._answer(404)
        elif not node["enabled"]:
            self._answer(403)
            return None
        return node

    def _page(self, node: Mapping[str, Any]) -> None:
        found = page(node["pages"], _path(self.path))
        if found is None:
            self._answer(404)
        else:
            self._answer(200, found)

    def _answer(
        self, status: int, text: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _PATIENCE)
        body = text.encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "text/plain"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: Any) -> None:  # noqa: A002
        sys.stderr.write(f"{self.client_address[0]} {format % values}\n")


def page(pages: Mapping[str, str], path: str) -> str | None:
    """The page at `path`, or what lies below it, folders with a slash; None: there is nothing."""
    if path in pages:
        return pages[path]
    folder = f"{path}/" if path else ""
    below = [one.removeprefix(folder) for one in pages if one.startswith(folder)]
    names = (
        name + ("/" if more else "") for name, more, _ in (one.partition("/") for one in below)
    )
    return "\n".join(sorted(dict.fromkeys(names))) if below else None


def _path(target: str) -> str:
    return _VERSION.sub("", target.partition("?")[0]).strip("/")


if __name__ == "__main__":
    Server(("", 80), Path(sys.argv[1])).serve_forever()
