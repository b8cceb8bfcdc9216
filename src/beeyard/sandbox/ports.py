"""Ports of 127.0.0.1: which are free, who holds those that aren't."""

import contextlib
import ipaddress
import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from beeyard.errors import SandboxError

_LISTEN = "0A"
_USUAL = (80, 443)
_OTHER = (8080, 8443)


@dataclass(frozen=True)
class Listener:
    """A TCP socket that waits for connections; `inode` is what its process is found by."""

    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    port: int
    inode: int

    def covers(self, address: str) -> bool:
        """Whether `address` can't be listened on because of this one."""
        if isinstance(self.address, ipaddress.IPv6Address):
            mapped = self.address.ipv4_mapped
            # `::` takes IPv4 connections as well, unless its program asked for IPv6 alone.
            return int(self.address) == 0 or (mapped is not None and str(mapped) == address)
        return int(self.address) == 0 or str(self.address) == address


def listeners() -> tuple[Listener, ...]:
    """Every listening TCP socket of this machine (the kernel's proc_net_tcp.txt)."""
    found = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        path = Path(table)
        if path.exists():
            found.extend(parse(path.read_text()))
    return tuple(found)


def parse(table: str) -> list[Listener]:
    """The listening sockets of a table such as /proc/net/tcp."""
    rows = (line.split() for line in table.splitlines()[1:])
    return [
        Listener(_address(row[1].split(":")[0]), int(row[1].split(":")[1], 16), int(row[9]))
        for row in rows
        if row[3] == _LISTEN
    ]


def choose(
    http: int | None,
    https: int | None,
    taken: Iterable[Listener],
    reserved: Iterable[int] = (),
) -> tuple[int, int]:
    """The ports on which users reach the cluster: those asked for, or the first free pair.

    `reserved` belong to other sandboxes. Raises SandboxError if a port asked for is taken.
    """
    listening = tuple(taken)
    held = {listener.port for listener in listening if listener.covers("127.0.0.1")} | set(reserved)
    for port in (http, https):
        if port in held:
            raise _taken(port, listening)
    if http is not None and http == https:
        raise SandboxError(f"port {http} can't be used for both HTTP and HTTPS")
    for offset in itertools.count(-1):
        usual_http, usual_https = _USUAL if offset < 0 else (_OTHER[0] + offset, _OTHER[1] + offset)
        pair = (http or usual_http, https or usual_https)
        if max(pair) > 65535:
            raise SandboxError("no pair of ports is free on 127.0.0.1")
        if not held & set(pair) and pair[0] != pair[1]:
            return pair
    raise AssertionError("unreachable")


def _taken(port: int, listening: Iterable[Listener]) -> SandboxError:
    inodes = {listener.inode for listener in listening if listener.port == port}
    return SandboxError(
        f"port {port} of 127.0.0.1 is taken",
        why=holder(inodes) or "another user's process, or another sandbox, holds it",
        fix="stop what holds it, or choose other ports: BEEYARD_SANDBOX_PORTS=8080,8443",
    )


def holder(inodes: Iterable[int], processes: Path = Path("/proc")) -> str | None:
    """Which process has one of these sockets open, in words; None if this user may not see it."""
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for process in processes.iterdir():
        if process.name.isdigit() and wanted & _open_sockets(process):
            name = (process / "comm").read_text().strip()
            return f"process {process.name} ({name}) holds it"
    return None


def _open_sockets(process: Path) -> set[str]:
    found = set()
    # The process, or a file that it has open, may be gone meanwhile; or they are another user's.
    with contextlib.suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(str(descriptor.readlink()))
    return found


def _address(field: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address of the table: words of four bytes, each in this machine's byte order."""
    words = [bytes.fromhex(field[start : start + 8])[::-1] for start in range(0, len(field), 8)]
    return ipaddress.ip_address(b"".join(words))
