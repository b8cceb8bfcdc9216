"""What a cluster trusts, and what it does not: the rehearsal enforces both."""

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from beeyard.waiting import SystemClock, wait_until
from cluster.yard import NAME, Running
from drills.conftest import answers
from drills.reach import (
    EVERY,
    datagrams_that_come,
    open_among,
    own_address,
    taking_connections,
)
from drills.world import World
from sandbox.asking import open_ports

pytestmark = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1200),
]

#: SSH, HTTP and HTTPS; Swarm's; Docker's own, and a dashboard's; files and database.
PORTS = (22, 80, 443, 2377, 7946, 2375, 2376, 5000, 8080, 9000, 2049, 3306)
#: Where Docker's overlay networks, and Swarm's gossip, take datagrams.
DATAGRAMS = (4789, 7946)
#: One that nothing uses: opened on purpose.
CONTROL = 31337
#: From nodes to all of them; from outside, to the one that is open.
DATAGRAMS_THAT_COME = {"inside 4789", "inside 7946", f"outside {CONTROL}"}
METADATA = "http://169.254.169.254/latest"
PYTHON = "python:3.11-slim-bookworm"


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_what_answers_from_outside(running: Running, world: World) -> None:
    """Of all TCP ports, and of Swarm's own datagrams. One port is open, to see that this shows."""
    at = addresses(running)
    with (
        taking_connections("manager-1", CONTROL),
        taking_connections("worker-1", CONTROL),
        opened_to(world, own_address(), CONTROL),
    ):
        for name in ("manager-1", "worker-1"):
            await_open(at[name])
        assert open_among(at["manager-1"]) == {22, 80, 443}, "from the operator's address"
        assert open_among(at["manager-1"], EVERY, own_address()) == {80, 443, CONTROL}
        assert open_among(at["worker-1"]) == set()
        assert open_among(at["worker-1"], EVERY, own_address()) == {CONTROL}
        assert datagrams(at, "manager-1", "worker-2") == DATAGRAMS_THAT_COME
        assert datagrams(at, "worker-1", "worker-2") == DATAGRAMS_THAT_COME


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_what_is_behind_answers_nobody_outside_and_what_a_container_is_not_told(
    running: Running,
) -> None:
    (there,) = running.yard.json("sandbox", "status", NAME)
    behind = [one for one in there["containers"] if one["kind"] in {"mount-target", "database"}]
    assert len({one["kind"] for one in behind}) == 2
    for address in [*(one["address"] for one in behind), addresses(running)["worker-2"]]:
        assert open_ports(address, PORTS) == set()
        assert open_ports(address, PORTS, own_address()) == set()

    lent = json.loads(on_node(running, "iam/security-credentials/" + on_node(running, "iam/role")))
    assert lent["Code"] == "Success"
    assert in_container(running) == "nothing"
    assert in_container(running, "--network", "host") == "a token"


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_without_its_port_the_overlay_breaks_and_up_opens_it_again(
    running: Running, world: World
) -> None:
    assert answers(running)
    ec2 = world.client("ec2")
    group = group_of_nodes(world)
    (vxlan,) = (one for one in group["IpPermissions"] if one.get("FromPort") == 4789)
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[vxlan])
    wait_until(lambda: not answers(running), clock=SystemClock(), deadline=60)

    assert running.yard.json("up", "--yes")["changes"] > 0

    wait_until(lambda: answers(running), clock=SystemClock(), deadline=30)


def addresses(running: Running) -> dict[str, str]:
    """The nodes' own, by their names."""
    (there,) = running.yard.json("sandbox", "status", NAME)
    return {one["hostname"]: one["address"] for one in there["containers"]}


def group_of_nodes(world: World) -> dict[str, Any]:
    """The security group that every node has."""
    (group,) = (
        one
        for one in world.client("ec2").describe_security_groups()["SecurityGroups"]
        if one["GroupName"].startswith(f"{NAME}-node-")
    )
    return dict(group)


@contextmanager
def opened_to(world: World, address: str, port: int) -> Iterator[None]:
    """The nodes' group lets this address in at a port, until the end of the block."""
    allowed = [
        {
            "IpProtocol": protocol,
            "FromPort": port,
            "ToPort": port,
            "IpRanges": [{"CidrIp": f"{address}/32"}],
        }
        for protocol in ("tcp", "udp")
    ]
    ec2, group = world.client("ec2"), group_of_nodes(world)["GroupId"]
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=allowed)
    try:
        yield
    finally:
        ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=allowed)


def await_open(address: str) -> None:
    """Until a change of rules is in force."""

    def is_open() -> bool:
        return open_among(address, [CONTROL], own_address()) == {CONTROL}

    wait_until(is_open, clock=SystemClock(), deadline=30)


def datagrams(at: Mapping[str, str], name: str, inside: str) -> set[str]:
    """What comes to a node of datagrams to Swarm's ports."""
    ports = [*DATAGRAMS, CONTROL]
    return datagrams_that_come(name, at[name], ports, inside, DATAGRAMS)


def on_node(running: Running, page: str) -> str:
    """What a manager's metadata service says; `iam/role` is short for its role's name."""
    place = "iam/security-credentials/" if page == "iam/role" else page
    curl = "curl --silent --fail --noproxy '*' --max-time 5"
    ask = f"{curl} -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' {METADATA}/api/token"
    get = f'{curl} -H "X-aws-ec2-metadata-token: $({ask})" {METADATA}/meta-data/{place}'
    return running.yard.run("ssh", "manager-1", "--", get)


def in_container(running: Running, *network: str) -> str:
    """What a container on a worker is told that asks for a token."""
    ask = (
        "import urllib.request as u\n"
        f"r = u.Request('{METADATA}/api/token', method='PUT')\n"
        "r.add_header('X-aws-ec2-metadata-token-ttl-seconds', '60')\n"
        "try: print('a token' if u.urlopen(r, timeout=3).read() else 'empty')\n"
        "except OSError: print('nothing')\n"
    )
    docker = ["sudo", "docker", "run", "--rm", *network, PYTHON, "python3", "-c", ask]
    return running.yard.run("ssh", "worker-1", "--", shlex.join(docker)).strip()
