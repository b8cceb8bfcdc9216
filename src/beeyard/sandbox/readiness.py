"""Whether the sandbox's own services answer: asked as their users ask."""

import secrets
import socket
import ssl
import struct
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from beeyard.errors import SandboxError
from beeyard.sandbox import acme, api_gate, hub
from beeyard.sandbox.spec import ACME_HOST, Addresses
from beeyard.sandbox.state import Request

_DEADLINE = 60.0
_PAUSE = 0.1


def wait(request: Request, addresses: Addresses, certificate: Path) -> None:
    """Until resolver, hub, ACME server and edge answer. Raises SandboxError after a minute."""
    checks: dict[str, Callable[[], object]] = {
        "resolver": lambda: _resolves(addresses),
        "hub": lambda: _get(f"{hub.url(addresses)}/v2/"),
        "ACME server": lambda: _acme_answers(addresses, certificate),
        "AWS API (nodes' side)": lambda: _get(f"{api_gate.url(addresses)}/moto-api/"),
        "metadata service": lambda: _connect((addresses.metadata, 80)),
        "edge (HTTP)": lambda: _connect(("127.0.0.1", request.http_port)),
        "edge (HTTPS)": lambda: _connect(("127.0.0.1", request.https_port)),
    }
    deadline = time.monotonic() + _DEADLINE
    for name, check in checks.items():
        _until(name, check, deadline)


def _until(name: str, check: Callable[[], object], deadline: float) -> None:
    while True:
        try:
            check()
        except (OSError, httpx.HTTPError) as error:
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"the sandbox's {name} does not answer", why=f"{type(error).__name__}: {error}"
                ) from error
            time.sleep(_PAUSE)
        else:
            return


def _connect(address: tuple[str, int]) -> None:
    socket.create_connection(address, timeout=2).close()


def _resolves(addresses: Addresses) -> None:
    answer = resolve(addresses.resolver, ACME_HOST)
    if addresses.acme not in answer:
        raise OSError(f"{ACME_HOST} is answered with {answer or 'nothing'}")


def _acme_answers(addresses: Addresses, certificate: Path) -> None:
    """Ask for the directory, by the server's address but under its name, trusting only the root."""
    trust = ssl.create_default_context(cafile=str(certificate))
    _get(acme.DIRECTORY.replace(ACME_HOST, addresses.acme), host=ACME_HOST, trust=trust)


def _get(url: str, *, host: str | None = None, trust: ssl.SSLContext | bool = True) -> None:
    """GET `url`, under the name `host` where it goes by an address. Raises httpx.HTTPError."""
    headers = {"Host": host} if host else {}
    extensions = {"sni_hostname": host} if host else {}
    # The services are on this machine: a proxy of the environment's can't reach them.
    with httpx.Client(verify=trust, timeout=5, trust_env=False) as client:
        client.get(url, headers=headers, extensions=extensions).raise_for_status()


def resolve(server: str, name: str, timeout: float = 2.0) -> list[str]:
    """The IPv4 addresses that the DNS server `server` gives for `name` (RFC 1035).

    Raises OSError if it doesn't answer.
    """
    number = secrets.randbelow(0x10000)
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    question = labels + b"\0" + struct.pack("!HH", 1, 1)
    query = struct.pack("!HHHHHH", number, 0x0100, 1, 0, 0, 0) + question
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.settimeout(timeout)
        channel.connect((server, 53))
        channel.send(query)
        while True:
            answer = channel.recv(4096)
            if answer[:2] == query[:2]:
                return _addresses(answer, 12 + len(question))


def _addresses(answer: bytes, offset: int) -> list[str]:
    found = []
    for _ in range(struct.unpack_from("!H", answer, 6)[0]):
        offset = _after_name(answer, offset)
        kind, _, _, length = struct.unpack_from("!HHIH", answer, offset)
        offset += 10
        if kind == 1:
            found.append(socket.inet_ntoa(answer[offset : offset + length]))
        offset += length
    return found


def _after_name(answer: bytes, offset: int) -> int:
    while (length := answer[offset]) != 0:
        if length >= 0xC0:
            return offset + 2
        offset += length + 1
    return offset + 1
