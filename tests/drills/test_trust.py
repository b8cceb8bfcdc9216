"""What a cluster trusts, and what it does not: the rehearsal enforces both."""

import json
import shlex
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from beeyard.waiting import SystemClock, wait_until
from cluster.yard import NAME, Running
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
METADATA = "http://169.254.169.254/latest"
PYTHON = "python:3.11-slim-bookworm"


def test_what_answers_from_outside_and_what_a_container_is_not_told(
    running: Running, world: World
) -> None:
    (there,) = running.yard.json("sandbox", "status", NAME)
    at = {one["hostname"]: one["address"] for one in there["containers"]}
    assert open_ports(at["manager-1"], PORTS) == {22, 80, 443}, "from the operator's address"
    assert open_ports(at["manager-1"], PORTS, own_address()) == {80, 443}, "from another"
    behind = [one for one in there["containers"] if one["kind"] in {"mount-target", "database"}]
    assert len({one["kind"] for one in behind}) == 2
    for address in [*(one["address"] for one in behind), at["worker-1"], at["worker-2"]]:
        assert open_ports(address, PORTS) == set()

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
    (group,) = (
        one
        for one in ec2.describe_security_groups()["SecurityGroups"]
        if one["GroupName"].startswith(f"{NAME}-node-")
    )
    (vxlan,) = (one for one in group["IpPermissions"] if one.get("FromPort") == 4789)
    ec2.revoke_security_group_ingress(GroupId=group["GroupId"], IpPermissions=[vxlan])
    wait_until(lambda: not answers(running), clock=SystemClock(), deadline=60)

    assert running.yard.json("up", "--yes")["changes"] > 0

    wait_until(lambda: answers(running), clock=SystemClock(), deadline=30)


def own_address() -> str:
    """This machine's, by which it reaches others: nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.connect(("192.0.2.1", 9))
        return str(channel.getsockname()[0])


def answers(running: Running) -> bool:
    """Whether users see the application, which is on other nodes than the way in."""
    url = urlsplit(running.url("timeoff"))
    ca = running.yard.run("sandbox", "ca", NAME).strip()
    assert Path(ca).is_file()
    with httpx.Client(verify=ssl.create_default_context(cafile=ca), timeout=5) as client:
        try:
            answer = client.get(
                f"https://127.0.0.1:{url.port or 443}/",
                headers={"Host": url.netloc},
                extensions={"sni_hostname": url.hostname},
            )
        except httpx.TransportError:
            return False
    return answer.status_code < 500


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
