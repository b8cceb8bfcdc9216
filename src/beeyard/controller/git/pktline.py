"""Git's packets, and the bands within them.

Sources: gitprotocol-common(5) "pkt-line Format"; gitprotocol-capabilities(5) "side-band-64k".
"""

import re
from collections.abc import Awaitable, Callable, Iterator

from beeyard.controller.git.errors import ProtocolError

FLUSH = b"0000"
#: Bytes of a packet besides its length.
LARGEST = 65516
#: The bands: data, words for the user, and words for the user before the end.
DATA, WORDS, FATAL = 1, 2, 3
#: Nothing, in a form that a client takes and proxies count as a sign of life (gitprotocol-v2(5)).
KEEP_ALIVE = b"0005\x02"

_HEAD = re.compile(rb"[0-9a-fA-F]{4}")


def packet(data: bytes) -> bytes:
    """`data` as one packet. Raises ValueError if it is too long for one."""
    if len(data) > LARGEST:
        raise ValueError(f"a packet has {LARGEST} bytes at most")
    return b"%04x%b" % (len(data) + 4, data)


def on_band(band: int, data: bytes) -> bytes:
    """`data` on a band, in as many packets as it needs."""
    size = LARGEST - 1
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(packet(bytes([band]) + piece) for piece in pieces)


def unpacked(data: bytes) -> Iterator[bytes | None]:
    """The packets in `data`; None for a flush. Raises ProtocolError."""
    at = 0
    while at < len(data):
        size = _size(data[at : at + 4])
        if size and at + size > len(data):
            raise ProtocolError("a packet ends before its length")
        yield data[at + 4 : at + size] if size else None
        at += size or 4


class Packets:
    """The packets of a stream that comes in pieces. `more` gives the next, empty at the end."""

    def __init__(self, more: Callable[[], Awaitable[bytes]]) -> None:
        self._more = more
        self._held = bytearray()

    async def next(self) -> bytes | None:
        """The next packet's data; None for a flush. Raises ProtocolError; EOFError at the end."""
        size = _size(await self._take(4))
        return await self._take(size - 4) if size else None

    def rest(self) -> bytes:
        """What came with the packets that were read, and is not one of them; given once."""
        rest = bytes(self._held)
        self._held.clear()
        return rest

    async def _take(self, size: int) -> bytes:
        while len(self._held) < size:
            piece = await self._more()
            if not piece:
                if self._held:
                    raise ProtocolError("the stream ends within a packet")
                raise EOFError
            self._held += piece
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


def _size(head: bytes) -> int:
    """A packet's length with its head; 0 for a flush."""
    size = int(head, 16) if _HEAD.fullmatch(head) else -1
    # 1 and 2 divide the messages of protocol 2, which nothing that we look into is written in.
    if size != 0 and not 4 <= size <= LARGEST + 4:
        raise ProtocolError("what came is no packet of Git's protocol")
    return size
