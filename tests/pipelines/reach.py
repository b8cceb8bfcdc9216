"""Programs for real nodes: one that listens, and one that tries what can be reached."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from beeyard.process import Command
from beeyard.waiting import SystemClock, wait_until

#: Python's own, from the node: nothing has to be pulled.
IMAGE = "beeyard-tests/reach:1"
_PACK = f"""
programs="/bin/sh /usr/bin/python3"
libraries="$(ldd $programs | grep -o '/lib[^: ]*' | sort -u)"
tar -ch --exclude=__pycache__ $programs $libraries /usr/lib/python3.* | docker import - {IMAGE}
"""

#: Listens on ports given as `tcp/22`; on `dns/53` it answers every question for an address. What
#: comes by TCP gets nothing. By UDP it comes back, from the one address that is named as well.
LISTEN = """
import socket, sys, threading
def tcp(server):
    while True:
        server.accept()[0].close()
def udp(server):
    while True:
        data, sender = server.recvfrom(2048)
        server.sendto(data, sender)
def dns(server):
    while True:
        asked, sender = server.recvfrom(2048)
        end = asked.index(0, 12) + 5
        head = asked[:2] + bytes.fromhex("81800001000100000000")
        # An A record for the name that was asked for: 192.0.2.80.
        found = bytes.fromhex("c00c000100010000003c0004c0000250")
        is_ipv4 = asked[end - 4:end - 2] == bytes((0, 1))
        server.sendto(head + asked[12:end] + found if is_ipv4 else
                      asked[:2] + bytes.fromhex("81800001000000000000") + asked[12:end], sender)
for word in sys.argv[1:]:
    kind, port, address = (word + "/0.0.0.0").split("/")[:3]
    is_tcp, is_ipv6 = kind.startswith("tcp"), kind == "tcp6"
    server = socket.socket(
        socket.AF_INET6 if is_ipv6 else socket.AF_INET,
        socket.SOCK_STREAM if is_tcp else socket.SOCK_DGRAM,
    )
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind(("::" if is_ipv6 else address, int(port)))
    if is_tcp:
        server.listen()
    threading.Thread(target=tcp if is_tcp else globals()[kind], args=(server,)).start()
print("listening", flush=True)
"""

#: Tries `[kind, host, port]` of each name, all at once, and prints what came of it. A `peer` may
#: still be on its way up; a `name` is one that `LISTEN` knows.
TRY = """
import json, socket, sys, time
from concurrent.futures import ThreadPoolExecutor
def tcp(host, port):
    socket.create_connection((host, port), 4).close()
def peer(host, port):
    until = time.monotonic() + 20
    while True:
        try:
            return tcp(host, port)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
def https(host, port):
    import http.client, ssl
    unverified = ssl._create_unverified_context()
    way = http.client.HTTPSConnection(host, port, timeout=10, context=unverified)
    way.request("GET", "/")
    assert way.getresponse().status < 500
def udp(host, port):
    with socket.socket(type=socket.SOCK_DGRAM) as way:
        way.settimeout(4)
        way.connect((host, port))
        way.send(b"x")
        way.recv(8)
def name(host, port):
    assert socket.getaddrinfo(host, port)[0][4][0] == "192.0.2.80"
def attempt(what):
    try:
        globals()[what[0]](*what[1:])
        return "open"
    except (OSError, AssertionError) as error:
        return str(error) or type(error).__name__
targets = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(targets)) as pool:
    print("REACHED " + json.dumps(dict(zip(targets, pool.map(attempt, targets.values())))))
"""

#: What `VICTIM` says when it got an answer.
ANSWERED = "it answered"
#: Asks a host and port, from one port, until somebody answers or some seconds are over.
VICTIM = f"""
import socket, sys, time
way = socket.socket(type=socket.SOCK_DGRAM)
way.bind(("0.0.0.0", 5555))
way.settimeout(0.1)
until = time.monotonic() + 60
while time.monotonic() < until:
    try:
        way.sendto(b"ask", (sys.argv[1], int(sys.argv[2])))
        if way.recv(16) == b"ask":
            sys.exit("{ANSWERED}")
    except OSError:
        pass
"""
#: Sends datagrams to the victim for some seconds that seem to be from that host and port.
SPOOF = """
import socket, struct, sys, time
victim = socket.gethostbyname("victim")
source, port = socket.inet_aton(sys.argv[1]), int(sys.argv[2])
way = socket.socket(type=socket.SOCK_RAW, proto=socket.IPPROTO_RAW)
until = time.monotonic() + 5
while time.monotonic() < until:
    datagram = struct.pack("!HHHH", port, 5555, 9, 0) + b"x"
    header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, 17, 0)
    way.sendto(header + source + socket.inet_aton(victim) + datagram, (victim, 0))
    time.sleep(0.02)
"""

#: In a network namespace of its own: a bridge as pipelines have, a neighbour on it, and what he
#: reaches of the bridge's own IPv6 address, without the rules and with them.
BY_IPV6 = """
set -e
python3 -c "$LISTEN" tcp6/2222 > /tmp/listening &
listener=$!
unshare --net sleep 60 &
step=$!
trap 'kill $listener $step' EXIT
is_apart() { [ "$(readlink /proc/$step/ns/net)" != "$(readlink /proc/self/ns/net)" ]; }
until grep -q listening /tmp/listening && is_apart; do sleep 0.1; done
ip link add bypipe0 type bridge
ip link add step type veth peer name eth0 netns $step
ip link set step master bypipe0
for one in bypipe0 step; do ip link set $one up; done
ip address add fe80::1/64 dev bypipe0 nodad
in_step() { nsenter --target $step --net "$@"; }
in_step ip link set eth0 up
in_step ip address add fe80::2/64 dev eth0 nodad
try() { in_step python3 -c "$TRY" '{"the bridge": ["tcp", "fe80::1%eth0", 2222]}'; }
try
beeyard-steps apply > /dev/null
try
"""

Targets = Mapping[str, tuple[str, str, int]]


@dataclass(frozen=True)
class Node:
    """One of the real nodes, and how commands are run on it."""

    name: str
    address: str
    runner: Any

    def run(self, *argv: str, code: int = 0, timeout: float = 120) -> str:
        done = self.runner.run(Command(argv, timeout=timeout), check=False)
        assert done.code == code, f"{self.name}: {argv[0]} ended with {done.code}\n{done.tail()}"
        return str(done.stdout)

    def gone(self, *argv: str) -> None:
        """Run a removal until it succeeds: what is in use just now will not be for long."""

        def removed() -> bool:
            return bool(self.runner.run(Command(argv, timeout=60), check=False).code == 0)

        wait_until(removed, clock=SystemClock(), deadline=60, interval=0.5)

    def import_image(self) -> None:
        self.run("sh", "-c", _PACK)

    @contextmanager
    def listening(self, *ports: str) -> Iterator[None]:
        unit = "beeyard-tests-listen"
        self.run(
            "systemd-run", "--collect", f"--unit={unit}", "/usr/bin/python3", "-c", LISTEN, *ports
        )
        try:
            said = ("journalctl", "--quiet", f"--unit={unit}", "--output=cat")
            wait_until(
                lambda: "listening" in self.run(*said),
                clock=SystemClock(),
                deadline=30,
                interval=0.1,
            )
            yield
        finally:
            self.run("systemctl", "stop", unit)

    @contextmanager
    def holding(self, address: str, *neighbours: "Node") -> Iterator[None]:
        """Have an address besides, that these neighbours know to be here, and nowhere else."""
        self.run("ip", "address", "add", f"{address}/32", "dev", "lo")
        try:
            for one in neighbours:
                one.run("ip", "route", "replace", f"{address}/32", "via", self.address)
            yield
        finally:
            self.run("ip", "address", "del", f"{address}/32", "dev", "lo")
            for one in neighbours:
                one.run("ip", "route", "del", f"{address}/32")


def reached(output: str) -> dict[str, str]:
    """What `TRY` printed, somewhere in the output."""
    line = next(line for line in output.splitlines() if "REACHED {" in line)
    found: dict[str, str] = json.loads(line.partition("REACHED ")[2])
    return found
