"""The two halves of a request, as streams: what the client sends, and what it gets.

Neither holds more than a piece at a time. A client that neither sends nor takes anything for
`patience` seconds counts as one that hung up.
"""

import asyncio
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from beeyard.controller.git.errors import ClientGone, ProtocolError

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_PIECE = 65536
# As git-http-backend answers: neither kept nor served again by a proxy.
NOT_KEPT = (
    (b"cache-control", b"no-cache, max-age=0, must-revalidate"),
    (b"expires", b"Fri, 01 Jan 1980 00:00:00 GMT"),
    (b"pragma", b"no-cache"),
)


class Body:
    """What the client sends, decompressed if need be. `size`: bytes given out so far."""

    def __init__(self, receive: Receive, *, gzipped: bool, patience: float) -> None:
        self._receive = receive
        self._patience = patience
        self._inflate = zlib.decompressobj(wbits=31) if gzipped else None
        self._packed = b""
        self.complete = False
        self.size = 0

    async def read(self) -> bytes:
        """The next bytes; empty at the end. Raises ClientGone; ProtocolError if it is no gzip."""
        data = b""
        while not data and (self._packed or not self.complete):
            if not self._packed:
                self._packed = await self._next()
            data = self._plain()
        if not data and self._inflate is not None and not self._inflate.eof:
            raise ProtocolError("the compressed body is cut off")
        self.size += len(data)
        return data

    async def until_gone(self) -> None:
        """Wait until the client hangs up. For after the end of the body."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _next(self) -> bytes:
        try:
            message = await asyncio.wait_for(self._receive(), self._patience)
        except TimeoutError:
            raise ClientGone from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self.complete = not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def _plain(self) -> bytes:
        """Some of what lies behind the bytes that came: a few may stand for very many."""
        packed, self._packed = self._packed, b""
        if self._inflate is None:
            return packed
        try:
            data = self._inflate.decompress(packed, _PIECE)
        except zlib.error as error:
            raise ProtocolError("the body is no gzip") from error
        if self._inflate.unused_data:
            raise ProtocolError("something follows the compressed body")
        self._packed = self._inflate.unconsumed_tail
        return data


class Answer:
    """What the client gets. Writing to one that hung up does nothing, and sets `gone`."""

    def __init__(self, send: Send, *, patience: float) -> None:
        self._send = send
        self._patience = patience
        self.started = False
        self.gone = False

    async def start(self, content_type: str) -> None:
        """Begin an answer of Git's own; its words are for `write`."""
        headers = [(b"content-type", content_type.encode()), *NOT_KEPT]
        await self._begin(200, headers)

    async def write(self, data: bytes) -> None:
        if data:
            await self._pass({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self, data: bytes = b"") -> None:
        await self._pass({"type": "http.response.body", "body": data, "more_body": False})

    async def words(self, status: int, words: str, *headers: tuple[bytes, bytes]) -> None:
        """The whole answer, as plain text, which `git` shows to its user when it looks around."""
        data = words.encode()
        length = (b"content-length", str(len(data)).encode())
        kind = (b"content-type", b"text/plain; charset=utf-8")
        await self._begin(status, [kind, length, *NOT_KEPT, *headers])
        await self.finish(data)

    async def _begin(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self._pass({"type": "http.response.start", "status": status, "headers": headers})

    async def _pass(self, message: Message) -> None:
        if self.gone:
            return
        try:
            await asyncio.wait_for(self._send(message), self._patience)
        except (TimeoutError, OSError):
            self.gone = True
