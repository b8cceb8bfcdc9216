"""The VPC: a Docker network with the VPC's own addresses."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from docker import DockerClient
from docker.errors import APIError
from docker.types import IPAMConfig, IPAMPool

from beeyard.errors import SandboxError
from beeyard.sandbox.spec import LABEL, Addresses, resource_name


@dataclass(frozen=True)
class Block:
    """Addresses that something on this machine uses already; `holder` says what, in words."""

    network: ipaddress.IPv4Network
    holder: str


def ensure(client: DockerClient, sandbox: str, addresses: Addresses) -> None:
    """Make the sandbox's network if it isn't there. Raises SandboxError if its block is in use."""
    name = resource_name(sandbox, "vpc")
    if client.networks.list(filters={"label": f"{LABEL}={sandbox}"}):
        return
    refuse_overlap(addresses.network, [*docker_blocks(client), *routed_blocks()])
    pool = IPAMPool(
        subnet=str(addresses.network), gateway=addresses.gateway, iprange=addresses.unassigned
    )
    try:
        client.networks.create(
            name, driver="bridge", labels={LABEL: sandbox}, ipam=IPAMConfig(pool_configs=[pool])
        )
    except APIError as error:
        raise SandboxError(
            f"the VPC's network {addresses.network} could not be made", why=str(error.explanation)
        ) from error


def refuse_overlap(wanted: ipaddress.IPv4Network, blocks: Iterable[Block]) -> None:
    for block in blocks:
        if wanted.overlaps(block.network):
            raise SandboxError(
                f"the VPC's block {wanted} is in use on this machine",
                why=f"{block.network} belongs to {block.holder}",
                fix="set another vpc_cidr in beeyard.yml (10.77.0.0/16?), or remove the other",
            )


def docker_blocks(client: DockerClient) -> list[Block]:
    """The blocks of all of Docker's networks."""
    return [
        Block(ipaddress.IPv4Network(config["Subnet"]), _holder(network.attrs))
        for network in client.networks.list()
        for config in (network.attrs.get("IPAM") or {}).get("Config") or ()
        if "." in config.get("Subnet", "")
    ]


def _holder(network: dict[str, object]) -> str:
    labels = network.get("Labels")
    sandbox = labels.get(LABEL) if isinstance(labels, dict) else None
    return f"the sandbox `{sandbox}`" if sandbox else f"the Docker network `{network['Name']}`"


def routed_blocks(table: str | None = None) -> list[Block]:
    """The blocks that this machine has routes to, apart from the default route and Docker's own.

    `table` is the content of /proc/net/route: hexadecimal addresses, least significant byte first.
    """
    blocks = []
    for line in (Path("/proc/net/route").read_text() if table is None else table).splitlines()[1:]:
        interface, destination, *_, mask = line.split()[:8]
        if int(mask, 16) and not interface.startswith(("docker", "br-")):
            network = ipaddress.IPv4Network((_address(destination), str(_address(mask))))
            blocks.append(Block(network, f"the network that {interface} reaches"))
    return blocks


def _address(field: str) -> str:
    return str(ipaddress.IPv4Address(bytes.fromhex(field)[::-1]))
