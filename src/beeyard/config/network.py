"""Addresses: what a VPC may be, and how the Terraform module `network` cuts it into subnets.

The module gives every zone three subnets, of tiers manager, public and private, each a /24 or a
sixteenth of the VPC where that is less. Block 0 stays unused; five blocks follow for each tier, so
that adding a zone moves no subnet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from beeyard.config.refusal import Wrong, refusal, refuse_all

MOST_ZONES = 5
LARGEST_VPC, SMALLEST_VPC = 16, 22

# Addresses of a subnet that no node can have: five belong to AWS; the rest is left to mount
# targets,
# NAT gateways and load balancers.
KEPT_ADDRESSES = 5 + 11

_PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))

_FIRST_BLOCK = {"manager": 1, "public": 6, "private": 11}


@dataclass(frozen=True)
class Subnet:
    """One subnet as the module `network` will make it."""

    tier: str
    zone: str
    network: IPv4Network


def subnet_prefix(vpc: IPv4Network) -> int:
    """Prefix length of the subnets of `vpc`."""
    return vpc.prefixlen + max(4, 24 - vpc.prefixlen)


def subnets(vpc_cidr: str, zones: Sequence[str]) -> tuple[Subnet, ...]:
    """The subnets of the VPC, tier by tier, in the order of `zones` (five at most)."""
    vpc = IPv4Network(vpc_cidr)
    prefix = subnet_prefix(vpc)
    return tuple(
        Subnet(tier, zone, _block(vpc, prefix, first + index))
        for tier, first in _FIRST_BLOCK.items()
        for index, zone in enumerate(zones)
    )


def _block(vpc: IPv4Network, prefix: int, number: int) -> IPv4Network:
    return IPv4Network((int(vpc.network_address) + (number << (32 - prefix)), prefix))


def room_for_workers(vpc_cidr: str, zones: Sequence[str]) -> int:
    """How many workers the zones' subnets have addresses for, spread evenly."""
    size: int = 2 ** (32 - subnet_prefix(IPv4Network(vpc_cidr)))
    return (size - KEPT_ADDRESSES) * len(zones)


def _parse(value: str) -> IPv4Network:
    """`value` as an IPv4 block, or a refusal that says what it is instead."""
    try:
        network: IPv4Network | IPv6Network = ip_network(value, strict=False)
    except ValueError:
        raise refusal(
            Wrong(f"`{value}` is no block of addresses", "Address and length: `10.20.0.0/16`.")
        ) from None
    if isinstance(network, IPv6Network):
        raise refusal(
            Wrong(f"`{value}` is IPv6; the cluster's network is IPv4", "Use an IPv4 block.")
        )
    return network


def _check_vpc(value: str) -> str:
    network = _parse(value)
    refuse_all(_vpc_mistakes(value, network))
    return value


def _vpc_mistakes(value: str, network: IPv4Network) -> Iterator[Wrong]:
    if "/" not in value:
        yield Wrong(f"`{value}` has no length", f"Write the block: `{value}/{LARGEST_VPC}`.")
    if not any(network.subnet_of(block) for block in _PRIVATE):
        yield Wrong(
            f"`{value}` is not private",
            "Use a block of 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16: `10.20.0.0/16`.",
            "Addresses of others on the internet could not be reached from the cluster.",
        )
    if network.prefixlen > SMALLEST_VPC:
        yield Wrong(
            f"`{value}` is too small for the zones",
            f"Use a /{SMALLEST_VPC} or larger: `10.20.0.0/16`.",
            f"Each of up to {MOST_ZONES} zones gets three subnets; a /{SMALLEST_VPC} is the "
            f"smallest "
            "block that holds them.",
        )
    if network.prefixlen < LARGEST_VPC:
        yield Wrong(
            f"`{value}` is too large",
            f"Use a /{LARGEST_VPC} or smaller: `10.20.0.0/16`.",
            f"AWS makes no VPC larger than a /{LARGEST_VPC}.",
        )
    if str(network) != value:
        yield Wrong(f"`{value}` is not the start of its block", f"Write `{network}`.")


def _check_allowed(value: str) -> str:
    network = _parse(value)
    if "/" not in value:
        raise refusal(Wrong(f"`{value}` has no length", f"For this one address: `{value}/32`."))
    if str(network) != value:
        address = value.split("/", maxsplit=1)[0]
        raise refusal(
            Wrong(
                f"`{value}` is an address inside a block",
                f"For the block: `{network}`; for the one address: `{address}/32`.",
            )
        )
    return value


_CIDR_SCHEMA = r"^([0-9]{1,3}\.){3}[0-9]{1,3}/"
VpcCidr = Annotated[
    str,
    AfterValidator(_check_vpc),
    WithJsonSchema({"type": "string", "pattern": _CIDR_SCHEMA + "(1[6-9]|2[0-2])$"}),
]
AllowedCidr = Annotated[
    str,
    AfterValidator(_check_allowed),
    WithJsonSchema({"type": "string", "pattern": _CIDR_SCHEMA + "[0-9]{1,2}$"}),
]
