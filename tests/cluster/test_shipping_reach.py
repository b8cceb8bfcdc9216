"""What a step of a pipeline reaches on a whole cluster, and what it does not."""

import json
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

import pytest

from cluster.shipping import REGISTRY, Team, commands, pipeline
from cluster.yard import CIDR, DOMAIN, Running
from pipelines.reach import TRY, reached

pytestmark = [pytest.mark.cluster, pytest.mark.slow(6)]
REACH = pipeline(commands("reach", 'python reach.py "$(cat targets.json)"'))
#: Where pipelines run if nobody says where: the last node.
CI_NODE = "worker-2"


def test_a_step_reaches_the_cluster_s_https_and_nothing_else_of_its_network(team: Team) -> None:
    within = {
        "the registry": ("https", REGISTRY, 443),
        "git": ("https", f"git.{DOMAIN}", 443),
        "the controller": ("https", f"ci.{DOMAIN}", 443),
    }
    beyond = inside(team.cluster)
    tries = {**within, **beyond, "metadata": ("tcp", "169.254.169.254", 80)}
    files = {"_drone_yml": REACH, "reach_py": TRY, "targets_json": json.dumps(tries)}
    said = team.push(**files)
    assert {name for name, what in reached(said).items() if what == "open"} == set(within), said
    rules = ("ssh", CI_NODE, "--", "sudo", "/usr/local/sbin/beeyard-steps")
    team.cluster.yard.run(*rules, "remove")
    try:
        said = team.push(**files)
        opened = {name for name, what in reached(said).items() if what == "open"}
        # Metadata's port takes a connection, by which no token comes; the managers' security group
        # keeps SSH from workers, whatever asks there.
        assert opened == {*within, *beyond, "metadata"} - {"SSH of the manager"}, said
    finally:
        team.cluster.yard.run(*rules, "apply")


def inside(cluster: Running) -> dict[str, tuple[str, str, int]]:
    """What no step is to reach, by the addresses at which nodes do."""

    def address(node: str, *argv: str) -> str:
        """The first of the VPC that a command says there."""
        words = cluster.yard.run("ssh", node, "--", *argv).split()
        return next(word for word in words if "." in word and ip_address(word) in ip_network(CIDR))

    def named(name: str) -> str:
        return address(CI_NODE, "getent", "ahostsv4", name, "|", "cut", "-d' '", "-f1")

    fstab = cluster.yard.run("ssh", CI_NODE, "--", "grep", "/mnt/efs", "/etc/fstab")
    secret = "/etc/beeyard/secrets/timeoff_database_url"
    url = urlsplit(cluster.yard.run("ssh", "manager-1", "--", "sudo", "cat", secret))
    manager, own = (address(node, "hostname", "-I") for node in ("manager-1", CI_NODE))
    return {
        "the mount target": ("tcp", named(fstab.partition(":")[0]), 2049),
        "the database": ("tcp", named(str(url.hostname)), 3306),
        "SSH of the manager": ("tcp", manager, 22),
        "Swarm on the manager": ("tcp", manager, 2377),
        "SSH of its own node": ("tcp", own, 22),
    }
