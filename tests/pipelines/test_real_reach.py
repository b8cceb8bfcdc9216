"""What steps reach of the network, on real nodes that the role `steps` has prepared: connections
that are made, or are not."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import beeyard.provision
from beeyard.pipelines.docker_engine import DockerEngine
from beeyard.pipelines.plan import JobStep
from beeyard.process import Command
from beeyard.provision import Converged, Options, ProvisionFiles, run
from beeyard.waiting import SystemClock, wait_until
from conftest import NETWORK, RealSwarm
from pipelines.conftest import MINE
from pipelines.jobs import Heard, job, on, step
from pipelines.reach import (
    ANSWERED,
    BY_IPV6,
    IMAGE,
    LISTEN,
    SPOOF,
    TRY,
    VICTIM,
    Node,
    Targets,
    reached,
)

pytestmark = [pytest.mark.real, pytest.mark.slow(6)]
ROLE = Path(beeyard.provision.__file__).parent / "ansible" / "roles" / "steps"
RULES = "/usr/local/sbin/beeyard-steps"
METADATA = "169.254.169.254"
SERVICE = "beeyard-tests-reach"
#: Ports that nothing of a node's own listens on, and one that a service publishes.
ECHO, PUBLISHED = 7777, 8081


@dataclass(frozen=True)
class Yard:
    """A manager with what stands in for Traefik; a worker; and a node that is whatever else there
    is: mount target, database, resolver, metadata."""

    manager: Node
    worker: Node
    others: Node
    swarm: RealSwarm
    folder: Path

    def converge(self, *ci_nodes: Node, check: bool = False) -> Converged:
        """Run the role, or only ask what it would do, with these as the nodes for pipelines."""
        given = {
            "ansible_user": "admin",
            "ansible_become": True,
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": f"-F {self.swarm.ssh_config}",
            "steps_nodes": [node.name for node in ci_nodes],
            "steps_vpc": f"{NETWORK}.0.0/16",
            "steps_resolver": self.others.address,
            "steps_entrances": [self.manager.address],
        }
        hosts: dict[str, Any] = {node.name: {} for node in (self.manager, self.worker)}
        files = ProvisionFiles(self.folder, self.folder / "inventory.yml", self.swarm.ssh_config)
        files.inventory.write_text(json.dumps({"nodes": {"hosts": hosts, "vars": given}}))
        # As in deploy_swarm.yml.
        rest = {"name": str(ROLE), "tasks_from": "unlimit", "rolespec_validate": False}
        tasks = [{"name": "The others", "ansible.builtin.include_role": rest}]
        book = {"hosts": "nodes", "gather_facts": False, "roles": [str(ROLE)], "tasks": tasks}
        (self.folder / "steps.yml").write_text(json.dumps([book]))
        return run(str(self.folder / "steps"), files, Options(check=check), lambda _: None)

    def limit(self) -> Converged:
        """Run the role as it is to be."""
        return self.converge(self.worker, self.manager)

    @property
    def within(self) -> Targets:
        """What a step is to reach."""
        return {
            "the way in, HTTP": ("tcp", self.manager.address, 80),
            "the way in, HTTPS": ("tcp", self.manager.address, 443),
            "the resolver, TCP": ("tcp", self.others.address, 53),
            "the resolver, by Docker's own": ("name", "git.test", 443),
            "a service of its pipeline": ("peer", "db", 5432),
        }

    @property
    def beyond(self) -> Targets:
        """What a step must not reach."""
        return {
            "the mount target": ("tcp", self.others.address, 2049),
            "the database": ("tcp", self.others.address, 3306),
            "SSH of others": ("tcp", self.others.address, 22),
            "datagrams to others": ("udp", self.others.address, ECHO),
            "SSH of the manager": ("tcp", self.manager.address, 22),
            "Swarm on the manager": ("tcp", self.manager.address, 2377),
            "gossip on the manager": ("tcp", self.manager.address, 7946),
            "datagrams to the manager": ("udp", self.manager.address, ECHO),
            "a port published there": ("tcp", self.manager.address, PUBLISHED),
            "SSH of the worker": ("tcp", self.worker.address, 22),
            "gossip on the worker": ("tcp", self.worker.address, 7946),
            "datagrams to the worker": ("udp", self.worker.address, ECHO),
            "metadata": ("tcp", METADATA, 80),
        }

    def step(self, node: Node) -> dict[str, str]:
        """What came of all of these in a step on that node."""
        environment = {"TRY": TRY, "TARGETS": json.dumps({**self.within, **self.beyond})}
        heard = self.pipeline(
            node,
            step("probe", 'python3 -c "$TRY" "$TARGETS"', environment=environment, dns=self._dns),
            service=step("db", 'python3 -c "$LISTEN" tcp/5432', environment={"LISTEN": LISTEN}),
        )
        return reached(heard.log("probe"))

    def pipeline(self, node: Node, *steps: JobStep, service: JobStep) -> Heard:
        heard = Heard()
        with self.swarm.tunnel(node.name) as tunnel:
            one = on(IMAGE, job(*steps, services=(service,)), MINE)
            heard.run(DockerEngine(tunnel.client), one)
        return heard

    def build(self, node: Node) -> dict[str, str]:
        """The same in what a Dockerfile runs: it has no service, and no name is looked up."""
        tried = {**self.within, **self.beyond}
        targets = {name: what for name, what in tried.items() if what[0] in ("tcp", "udp")}
        file = f'FROM {IMAGE}\nARG TRY\nARG TARGETS\nRUN python3 -c "$TRY" "$TARGETS"\n'
        given = (f"--build-arg=TRY={TRY}", f"--build-arg=TARGETS={json.dumps(targets)}")
        argv = ("docker", "build", "--no-cache", "--progress=plain", *given, "-")
        command = Command(["env", "DOCKER_BUILDKIT=1", *argv], input=file.encode(), timeout=120)
        return reached(node.runner.run(command).stderr)

    @property
    def _dns(self) -> tuple[str, ...]:
        return (self.others.address,)

    def is_limited(self, seen: dict[str, str]) -> None:
        """Fail unless it is as it should be. Reached is what is within, and nothing beyond."""
        assert {name for name, what in seen.items() if what == "open"} == {
            name for name in self.within if name in seen
        }, seen

    def is_open(self, seen: dict[str, str]) -> None:
        """Fail unless everything is reached."""
        assert set(seen.values()) == {"open"}, seen


@pytest.fixture(scope="module")
def yard(real_swarm: RealSwarm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    names = ("manager-1", "worker-1", "worker-2")
    manager, worker, others = (
        Node(name, address, real_swarm.on(name))
        for name, address in zip(names, real_swarm.addresses, strict=True)
    )
    made = Yard(manager, worker, others, real_swarm, tmp_path_factory.mktemp("reach"))
    for node in (made.manager, made.worker):
        node.import_image()
    with ExitStack() as there:
        there.enter_context(entrance(made.manager))
        there.enter_context(made.others.holding(METADATA, made.worker, made.manager))
        stand_ins = ("tcp/80", "tcp/2049", "tcp/3306", "tcp/53", "dns/53")
        for node, ports in ((manager, ()), (worker, ()), (others, stand_ins)):
            there.enter_context(node.listening(f"udp/{ECHO}/{node.address}", *ports))
        try:
            yield made
        finally:
            made.converge()


@pytest.fixture(scope="module")
def limited(yard: Yard) -> Yard:
    """With the worker and the manager as nodes for pipelines, as in a cluster of one node. A test
    that changes that makes it so again."""
    yard.limit()
    return yard


def entrance(manager: Node) -> Any:
    """A service that publishes ports of its node, as Traefik does."""
    ports = (80, 443, PUBLISHED)
    published = [f"--publish=mode=host,published={port},target={port}" for port in ports]
    network = ("--network", SERVICE, "--endpoint-mode=dnsrr", "--no-resolve-image")
    where = ("--constraint", "node.role==manager", "--detach", "--quiet", "--name", SERVICE)
    listen = ("python3", "-c", LISTEN, *(f"tcp/{port}" for port in ports))
    stack = ExitStack()
    manager.run("docker", "network", "create", "--driver=overlay", SERVICE)
    # Swarm forgets it at once, the engine when the task's container has stopped.
    still_there = f"docker network ls -q --filter name=^{SERVICE}$ | grep -q ."
    stack.callback(manager.gone, "sh", "-c", f"! {still_there}")
    stack.callback(manager.gone, "docker", "network", "rm", SERVICE)
    manager.run("docker", "service", "create", *network, *where, *published, IMAGE, *listen)
    stack.callback(manager.run, "docker", "service", "rm", SERVICE)

    def answers() -> bool:
        return "listening" in manager.run("docker", "service", "logs", "--raw", SERVICE)

    wait_until(answers, clock=SystemClock(), deadline=60, interval=0.3)
    return stack


def test_steps_and_builds_reach_what_they_need_and_nothing_beyond(limited: Yard) -> None:
    limited.is_limited(limited.step(limited.worker))
    limited.is_limited(limited.build(limited.worker))


def test_so_it_is_where_traefik_is_on_the_node_itself(limited: Yard) -> None:
    limited.is_limited(limited.step(limited.manager))
    limited.is_limited(limited.build(limited.manager))


def test_a_second_run_of_the_role_changes_nothing(limited: Yard) -> None:
    assert limited.limit().tasks == ()


def test_without_the_rules_all_of_it_is_reached(limited: Yard) -> None:
    """So what is tried elsewhere in vain is there; and a node that is none for pipelines any more
    is as any other."""
    assert limited.converge(check=True).total > 0
    limited.is_limited(limited.step(limited.worker))
    limited.converge()
    try:
        limited.is_open(limited.step(limited.worker))
        limited.is_open(limited.build(limited.worker))
        for node in (limited.worker, limited.manager):
            for tables in ("iptables", "ip6tables"):
                assert "BEEYARD" not in node.run(tables, "-S")
            assert (
                node.run("sh", "-c", "ls /etc/default /usr/local/sbin | grep steps", code=1) == ""
            )
        assert limited.converge().total == 0
        assert limited.converge(limited.worker, check=True).total > 0
        assert "BEEYARD" not in limited.worker.run("iptables", "-S")
    finally:
        limited.limit()


def test_rules_that_are_lost_are_back_at_the_engine_s_next_start(limited: Yard) -> None:
    """Also what a boot is: an engine that starts, with no rules at all."""
    limited.worker.run(RULES, "remove")
    limited.worker.run("systemctl", "restart", "docker")
    limited.is_limited(limited.step(limited.worker))
    assert limited.worker.run(RULES, "apply") == "", "they were not as they should be"


def test_nor_does_a_rule_above_ours_open_anything_for_longer_than_the_next_run(
    limited: Yard,
) -> None:
    accept = ("iptables", "-I", "INPUT", "-p", "tcp", "--dport", "22", "-j", "ACCEPT")
    limited.worker.run(*accept)
    try:
        assert limited.step(limited.worker)["SSH of the worker"] == "open"
        assert limited.limit().tasks == ("worker-1: Put the rules in force",)
        limited.is_limited(limited.step(limited.worker))
    finally:
        limited.worker.run(*("-D" if word == "-I" else word for word in accept))


def answered(yard: Yard) -> bool:
    """Whether the worker answered a step, once another one had sent it packets that seemed to be
    the worker's."""
    given = {"VICTIM": VICTIM, "SPOOF": SPOOF}
    run = f'python3 -c "$%s" {yard.worker.address} {ECHO}'
    spoofer = step("spoofer", run % "SPOOF", environment=given)
    victim = step("victim", run % "VICTIM", environment=given)
    return ANSWERED in yard.pipeline(yard.worker, spoofer, service=victim).log("victim")


def test_nobody_opens_a_way_with_the_address_of_somebody_else(limited: Yard) -> None:
    assert not answered(limited)
    # With the rule that one would think of first, it works.
    established = ("-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "RETURN")
    limited.worker.run("iptables", "-I", "BEEYARD-STEPS-NODE", "1", *established)
    try:
        assert answered(limited)
    finally:
        assert limited.worker.run(RULES, "apply") == "changed\n"


def test_nor_by_ipv6(limited: Yard) -> None:
    """Steps have none. Whoever made it all the same would find the node at his bridge's address."""
    given = (f"LISTEN={LISTEN}", f"TRY={TRY}")
    said = limited.worker.run("env", *given, "unshare", "--net", "sh", "-c", BY_IPV6)
    before, after = map(reached, said.splitlines())
    assert before == {"the bridge": "open"}
    assert after != before
