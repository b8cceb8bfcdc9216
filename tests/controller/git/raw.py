"""Requests byte by byte, for what Git's own client would never send."""

import base64
import contextlib
import gzip
import socket
from collections.abc import Iterator, Sequence
from http.client import HTTPResponse

from beeyard.controller.git.names import NOTHING
from beeyard.controller.git.pktline import FLUSH, packet
from controller.git.served import OPERATOR, Work

CAPABILITIES = "report-status side-band-64k object-format=sha1"


def head(*lines: str | bytes, capabilities: str = CAPABILITIES) -> bytes:
    """The head of a push: `before after ref` each."""
    first, *rest = (line.encode() if isinstance(line, str) else line for line in lines)
    return b"".join(map(packet, [first + b"\0" + capabilities.encode(), *rest])) + FLUSH


def created(commit: str, ref: str = "refs/heads/main") -> str:
    return f"{NOTHING} {commit} {ref}"


def pack_of(work: Work, commit: str) -> bytes:
    """All objects of a commit, as a client packs them."""
    path = work.folder / "packed"
    work.git("pack-objects", "--quiet", "--revs", str(path), data=f"{commit}\n".encode())
    (pack,) = work.folder.glob("packed-*.pack")
    return pack.read_bytes()


class Connection:
    """One request, of which the body is sent in pieces."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection

    def send(self, data: bytes) -> None:
        """Send a piece of the body; an empty one is its end."""
        self.socket.sendall(b"%x\r\n%b\r\n" % (len(data), data))

    def answer(self) -> tuple[int, bytes]:
        """The status and the body of the whole answer."""
        response = HTTPResponse(self.socket, method="POST")
        response.begin()
        return response.status, response.read()

    def read_until(self, wanted: bytes) -> bytes:
        """What comes, until `wanted` has come."""
        data = b""
        while wanted not in data:
            part = self.socket.recv(65536)
            assert part, data
            data += part
        return data


@contextlib.contextmanager
def post(
    port: int, application: str, service: str, headers: Sequence[str] = ()
) -> Iterator[Connection]:
    """A POST whose first lines are sent."""
    signed = base64.b64encode(f"x:{OPERATOR}".encode()).decode()
    lines = (
        f"POST /{application}.git/{service} HTTP/1.1",
        "Host: x",
        f"Authorization: Basic {signed}",
        f"Content-Type: application/x-{service}-request",
        "Transfer-Encoding: chunked",
        *headers,
    )
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        yield Connection(connection)


def posted(
    port: int, application: str, service: str, body: bytes, *headers: str
) -> tuple[int, bytes]:
    """The status and body of the answer to a whole request."""
    with post(port, application, service, headers) as connection:
        connection.send(body)
        if body:
            connection.send(b"")
        return connection.answer()


def compressed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
