"""The way in: HAProxy on this machine's own network, where Elastic IPs of 127.x.y.z answer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from beeyard.sandbox.container import Container, Mount
from beeyard.sandbox.ports import Listener
from beeyard.sandbox.state import Problem
from beeyard.sandbox.world import ElasticIp, Instance, PortRange, World

THING = "edge"
FOLDER = "edge"
CONFIG = "haproxy.cfg"
_IN_CONTAINER = "/etc/beeyard-edge"

#: A security group may open everything; a listener for each of 65,536 ports is not meant.
_WIDEST = 128

_HEAD = """\
global
    log stdout format raw local0 notice
    maxconn 2000
    # Connections that an old worker still holds after a reload (websockets) end after this.
    hard-stop-after 10m
defaults
    mode tcp
    log global
    timeout connect 3s
    timeout client 1h
    timeout server 1h
"""


@dataclass(frozen=True)
class Bind:
    """A place to listen on, and where connections go. `to_port` None: to the same port."""

    address: str
    ports: PortRange
    servers: tuple[str, ...]
    to_port: int | None = None

    @property
    def place(self) -> str:
        """Address and ports, as HAProxy writes them."""
        return f"{self.address}:{_range(self.ports)}"


def container(image: str, folder: Path) -> Container:
    """HAProxy's master process: SIGUSR2 makes it load its configuration anew without a gap."""
    return Container(
        thing=THING,
        kind="service",
        image=image,
        address=None,
        argv=("haproxy", "-W", "-db", "-f", f"{_IN_CONTAINER}/{CONFIG}"),
        mounts=(Mount.path(folder, _IN_CONTAINER),),
    )


def check_argv(candidate: str) -> list[str]:
    """The command, for the edge's container, that validates a configuration beside the real one."""
    return ["haproxy", "-c", "-q", "-f", f"{_IN_CONTAINER}/{candidate}"]


def binds(world: World, http_port: int, https_port: int) -> tuple[Bind, ...]:
    """What must be listened on: 127.0.0.1 for the first address, and every address by itself."""
    attached = [
        (elastic_ip, instance)
        for elastic_ip in world.elastic_ips
        if (instance := world.instance(elastic_ip.instance_id)) and instance.running
    ]
    return (
        *_local(attached, {80: http_port, 443: https_port}),
        *(
            bind
            for elastic_ip, instance in attached
            for bind in _public(elastic_ip, instance, {80: http_port, 443: https_port})
        ),
    )


def split(
    wanted: Iterable[Bind], taken: Iterable[Listener]
) -> tuple[tuple[Bind, ...], tuple[Problem, ...]]:
    """Tell the binds that are possible from those that aren't, with why.

    `taken` are the listening sockets of this machine that aren't the edge's own.
    """
    listening = tuple(taken)
    possible: list[Bind] = []
    problems: list[Problem] = []
    for bind in wanted:
        if why := _hindrance(bind, listening):
            problems.append(Problem(f"{bind.place} of this machine does not answer", why))
        else:
            possible.append(bind)
    return tuple(possible), tuple(problems)


def render(wanted: Iterable[Bind]) -> str:
    """HAProxy's configuration file."""
    sections = [_section(number, bind) for number, bind in enumerate(wanted)]
    return "\n".join([_HEAD, *sections])


def _section(number: int, bind: Bind) -> str:
    lines = [f"listen b{number}", f"    bind {bind.place}"]
    port = "" if bind.to_port is None else f":{bind.to_port}"
    # One server is tried whatever its state; several stand in for each other, as a browser goes on
    # to the next of a name's addresses.
    check = " check inter 2s fall 2 rise 1" if len(bind.servers) > 1 else ""
    for index, server in enumerate(bind.servers):
        backup = " backup" if index else ""
        lines.append(f"    server s{index} {server}{port}{check}{backup}")
    return "\n".join(lines) + "\n"


def _local(attached: list[tuple[ElasticIp, Instance]], published: dict[int, int]) -> Iterator[Bind]:
    """127.0.0.1, from the start on, so that the ports are this sandbox's and no other's."""
    for port, local_port in published.items():
        servers = [instance.private_ip for _, instance in attached if _opens(instance, port)]
        yield Bind("127.0.0.1", PortRange(local_port, local_port), tuple(servers), port)


def _public(elastic_ip: ElasticIp, instance: Instance, published: dict[int, int]) -> Iterator[Bind]:
    server = (instance.private_ip,)
    for ports in instance.open_ports:
        yield Bind(elastic_ip.public_ip, ports, server)
    for port, local_port in published.items():
        # Printed addresses carry the port of 127.0.0.1; it is right for this address, too.
        if _opens(instance, port) and not _opens(instance, local_port):
            yield Bind(elastic_ip.public_ip, PortRange(local_port, local_port), server, port)


def _opens(instance: Instance, port: int) -> bool:
    return any(ports.first <= port <= ports.last for ports in instance.open_ports)


def _hindrance(bind: Bind, listening: Iterable[Listener]) -> str | None:
    count = bind.ports.last - bind.ports.first + 1
    if count > _WIDEST:
        return f"a security group opens {count} ports; at most {_WIDEST} in a row are forwarded"
    for one in listening:
        if bind.ports.first <= one.port <= bind.ports.last and one.covers(bind.address):
            return f"port {one.port} of {one.address} is taken by another program"
    return None


def _range(ports: PortRange) -> str:
    return str(ports.first) if ports.first == ports.last else f"{ports.first}-{ports.last}"
