"""A server that keeps entries as the bench's application does, and misbehaves when told to."""

import asyncio
import datetime as dt
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "entries.test"


@dataclass
class Server:
    """What it has seen, and what it does.

    open_      while it is not set, no request is answered
    break_off  the how-manieth request ends its connection without an answer
    status     the how-manieth request is answered with another status
    closing    whether every answer is the last on its connection
    """

    open_: asyncio.Event
    break_off: int = 0
    status: tuple[int, int] = (0, 0)
    closing: bool = False
    bodies: Counter[bytes] = field(default_factory=Counter)
    requests: int = 0
    connections: int = 0
    port: int = 0

    @asynccontextmanager
    async def serving(self, folder: Path) -> AsyncIterator[Path]:
        """Listen on the loopback with a certificate for HOST; gives the file of its signer."""
        ca = certificate(folder)
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(ca, folder / "key.pem")
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield ca
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        self.requests += 1
        number = self.requests
        if body := await reader.readexactly(length):
            self.bodies[body] += 1
        await self.open_.wait()
        if number == self.break_off:
            return False
        status = self.status[1] if number == self.status[0] else 201 if body else 200
        extra = "Connection: close\r\n" if self.closing else ""
        writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\n{extra}\r\n".encode())
        await writer.drain()
        return not self.closing


def certificate(folder: Path) -> Path:
    """A certificate for HOST that has signed itself, and `key.pem` beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    file = folder / "ca.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return file
