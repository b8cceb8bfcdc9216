"""What of a node is reached from outside: every TCP port, and datagrams."""

import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import Any

from drills.hurt import node, on

EVERY = range(1, 1 << 16)
#: Connections that are tried at once, and seconds for an answer to the last of them, of which there
#: is none where a rule lets nobody in. The kernel asks a second time after one.
_AT_ONCE = 6000
_PATIENCE = 2.5

#: Prints the texts of datagrams that come to a node, as they come: before any filter of the node's
#: own, whoever listens there. Ends with its standard input, or a minute after the last.
_HEAR = """\
import select, socket, sys
heard = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print("listening", flush=True)
while select.select([heard, sys.stdin], [], [], 60)[0] == [heard]:
    data, (_, _, kind, _, _) = heard.recvfrom(65536)
    begin = data.find(b"beeyard-probe:")
    if begin >= 0 and kind != socket.PACKET_OUTGOING:
        print(data[begin:].split(b":")[1].decode(), flush=True)
"""
_SEND = """\
import socket, sys
word, source, address, *ports = sys.argv[1:]
for port in ports:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind((source, 0))
        try:
            channel.sendto(f"beeyard-probe:{word} {port}:".encode(), (address, int(port)))
        except PermissionError:
            pass  # the rules that stand for the groups hold it back at once
"""
_LISTEN = """\
import socket, sys
held = socket.create_server(("", int(sys.argv[1])))
print("listening", flush=True)
sys.stdin.read()
"""


def own_address() -> str:
    """This machine's, by which it reaches others: nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.connect(("192.0.2.1", 9))
        return str(channel.getsockname()[0])


def open_among(address: str, ports: Iterable[int] = EVERY, source: str = "") -> set[int]:
    """Those TCP ports of an address that take a connection; `source`: where to ask from."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    at_once, left, found = min(_AT_ONCE, files - 100), iter(ports), set[int]()
    while some := list(islice(left, at_once)):
        found |= _open_of(address, some, source)
    return found


def _open_of(address: str, ports: Iterable[int], source: str) -> set[int]:
    """Of so many that all can be tried at once. The kernel connects, however busy we are."""
    with ExitStack() as stack:
        tried = {}
        for port in ports:
            tried[port] = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
            tried[port].settimeout(0)
            if source:
                tried[port].bind((source, 0))
            tried[port].connect_ex((address, port))
        _await_answers(tried.values())
        return {port for port, channel in tried.items() if _is_connected(channel)}


def _await_answers(channels: Iterable[socket.socket]) -> None:
    """Until each is connected or refused, or the time is over."""
    poll, waiting = select.poll(), {channel.fileno() for channel in channels}
    for number in waiting:
        poll.register(number, select.POLLOUT)
    end = time.monotonic() + _PATIENCE
    while waiting and (left := end - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            poll.unregister(number)
            waiting.discard(number)


def _is_connected(channel: socket.socket) -> bool:
    try:
        channel.getpeername()
    except OSError:
        return False
    return True


@contextmanager
def taking_connections(name: str, port: int) -> Iterator[None]:
    """A node has somebody who listens at this port."""
    with _begun(name, _LISTEN, str(port)):
        yield


def datagrams_that_come(
    name: str, address: str, ports: Iterable[int], inside: str, inside_ports: Iterable[int]
) -> set[str]:
    """Which datagrams come to a node: of those that this machine sends to `ports`, `outside PORT`;
    and of those that the node `inside` sends thereafter to `inside_ports`, `inside PORT`. The last
    of these has to come."""
    last = f"inside {max(inside_ports)}"
    with _begun(name, _HEAR) as ear:
        assert ear.stdout is not None
        subprocess.run(
            [sys.executable, "-c", _SEND, "outside", own_address(), address, *map(str, ports)],
            check=True,
        )
        on(inside, "python3", "-c", _SEND, "inside", "", address, *map(str, sorted(inside_ports)))
        heard: set[str] = set()
        while last not in heard:
            line = ear.stdout.readline()
            assert line, f"{last} was not heard, but {heard}"
            heard.add(line.strip())
    return heard


@contextmanager
def _begun(name: str, program: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A program on a node, which says when it listens, and ends with its standard input."""
    argv = ["docker", "exec", "--interactive", str(node(name).id), "python3", "-c", program]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([*argv, *arguments], **pipes) as running:
        assert running.stdout is not None
        assert running.stdin is not None
        assert running.stdout.readline() == "listening\n"
        yield running
        running.stdin.close()
