"""The VPC's block, and what else uses addresses on this machine."""

import ipaddress

import pytest

from beeyard.errors import SandboxError
from beeyard.sandbox import network
from beeyard.sandbox.network import Block
from beeyard.sandbox.spec import Addresses, SandboxSpec
from sandbox import worlds

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
"""


def test_routes_are_read_without_the_default_and_docker() -> None:
    blocks = network.routed_blocks(ROUTES)
    assert [str(block.network) for block in blocks] == ["192.0.2.0/24"]
    assert "eth0" in blocks[0].holder


def test_an_overlap_names_who_has_the_block() -> None:
    taken = Block(ipaddress.IPv4Network("10.20.5.0/24"), "the sandbox `other`")
    with pytest.raises(SandboxError) as caught:
        network.refuse_overlap(worlds.ADDRESSES.network, [taken])
    assert caught.value.why == "10.20.5.0/24 belongs to the sandbox `other`"
    assert "vpc_cidr" in (caught.value.fix or "")


def test_the_fixed_addresses() -> None:
    found = worlds.ADDRESSES
    assert (found.gateway, found.resolver, found.hub) == ("10.20.0.1", "10.20.0.2", "10.20.0.3")
    assert found.database(1) == "10.20.0.17"
    assert "10.20.255.9" in found
    assert "10.21.0.1" not in found


@pytest.mark.parametrize("block", ["10.20.0.0/23", "10.20.0.1/16", "nonsense"])
def test_a_block_that_will_not_do(block: str) -> None:
    with pytest.raises(SandboxError, match=r"10\.20\.0|nonsense"):
        Addresses.of(SandboxSpec("a", "b.c", "us-east-1", block))
