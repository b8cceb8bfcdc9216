"""One keep-alive connection over TLS.

Libraries for clients send a request again by themselves where they deem it harmless. Here every
failure is to be seen, so this is h11 (the protocol) on asyncio (the bytes), and nothing between.
"""

import asyncio
import ssl

import h11

from bench.load.exchange import Ingress


class Connection:
    """Opened when first needed, and again where the other side has closed it between requests."""

    def __init__(self, ingress: Ingress, tls: ssl.SSLContext) -> None:
        self._ingress = ingress
        self._tls = tls
        self._http = h11.Connection(h11.CLIENT)
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def open(self) -> None:
        """Be connected. Raises OSError."""
        if self._streams is not None:
            reader, _ = self._streams
            if self._http.our_state is h11.IDLE and not reader.at_eof():
                return
            self.close()
        self._http = h11.Connection(h11.CLIENT)
        self._streams = await asyncio.open_connection(
            self._ingress.address,
            self._ingress.port,
            ssl=self._tls,
            server_hostname=self._ingress.host,
        )

    def close(self) -> None:
        """Close it, if it is open."""
        if self._streams is not None:
            self._streams[1].close()
        self._streams = None

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        """Send a request on an open connection."""
        headers = [("Host", self._ingress.host), ("Content-Length", str(len(body)))]
        parts = (
            self._http.send(h11.Request(method=method, target=path, headers=headers)),
            self._http.send(h11.Data(data=body)),
            self._http.send(h11.EndOfMessage()),
        )
        self._opened()[1].write(b"".join(part for part in parts if part))

    async def answer(self) -> int:
        """The status of the answer, once all of it is there.

        Raises OSError, or h11.RemoteProtocolError where the other side breaks off.
        """
        reader, status = self._opened()[0], 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                self._http.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.EndOfMessage):
                self._reuse()
                return status
            elif isinstance(event, h11.ConnectionClosed):
                raise ConnectionResetError("closed without an answer")

    def _opened(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            raise RuntimeError("open() comes first")
        return self._streams

    def _reuse(self) -> None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        else:
            self.close()
