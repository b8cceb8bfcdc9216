"""`node upgrade`: packages, engine and Traefik, node by node, each drained first.

Workers come before managers, so that what could go wrong does so where least is lost. The only
manager can't be drained: what runs there has no other place. It is upgraded where it stands.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from beeyard.errors import BeeyardError, Refused
from beeyard.process import Command, Runner
from beeyard.provision import Options
from beeyard.provision.facts import skipped
from beeyard.provision.packages import DEADLINE as UPGRADE_DEADLINE
from beeyard.provision.packages import (
    ENGINE,
    Package,
    is_at_work,
    is_interrupted,
    pending,
    restart_engine,
    runs_old_engine,
    upgrade,
    wants_reboot,
)
from beeyard.swarm.drain_plan import find_node
from beeyard.swarm.model import Node
from beeyard.waiting import Timeout, wait_until
from beeyard.workflows.alone import alone
from beeyard.workflows.cloud import open_cloud, read_outputs
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.coming_back import BACK, bring_back, lost
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.nodes import activate_node, drain_node, mark_node
from beeyard.workflows.operators import refuse_lockout
from beeyard.workflows.schedule import hosts_to_play
from beeyard.workflows.status import hosts_of
from beeyard.workflows.verify import await_services, await_urls

#: On a node of the Swarm: it was drained to be upgraded, so it is let in again afterwards.
UPGRADING = "beeyard.upgrading"
#: What a node does not come back after.
_AFTER = " after its upgrade"
#: Tells one start of a machine from another: by its kernel's, and, where that is not its own, as in
#: a rehearsal, by that of its first process (proc(5), `/proc/pid/stat`, field 22).
_BOOT = "cat /proc/sys/kernel/random/boot_id && cut -d ' ' -f 22 /proc/1/stat"


@dataclass(frozen=True)
class Step:
    """What one node gets. `drains`: its tasks run elsewhere before; `left`: it was being upgraded
    when that was cut short."""

    node: str
    role: str
    packages: tuple[Package, ...]
    drains: bool
    left: bool = False

    @property
    def engine(self) -> bool:
        """Whether the engine may be restarted."""
        return self.left or any(package.name in ENGINE for package in self.packages)

    def __str__(self) -> str:
        names = ", ".join(map(str, self.packages)) or "goes on where it was cut short"
        return f"{self.node}: {'drained, then ' if self.drains else 'where it stands: '}{names}"


@dataclass(frozen=True)
class Upgraded:
    """What was done. `services`: tasks of the playbook that brought infrastructure services up to
    this beeyard's version; `reboots`: nodes that a package wants rebooted, and that were not, since
    what runs there was not moved by us."""

    nodes: tuple[str, ...] = ()
    packages: dict[str, list[str]] = field(default_factory=dict)
    services: tuple[str, ...] = ()
    reboots: tuple[str, ...] = ()


def plan_upgrade(
    nodes: Sequence[Node], found: dict[str, tuple[Package, ...]], unfinished: Sequence[str] = ()
) -> tuple[Step, ...]:
    """Which nodes are upgraded, in order: workers, then managers, the leader last. Pure.

    unfinished  nodes on which an upgrade was cut short
    """
    managers = sum(node.role == "manager" for node in nodes)
    wanted = [
        node
        for node in nodes
        if found.get(node.name) or node.name in unfinished or UPGRADING in node.labels
    ]
    order = sorted(wanted, key=lambda node: (node.role == "manager", node.leader, node.name))
    return tuple(
        Step(
            node.name,
            node.role,
            found.get(node.name, ()),
            drains=node.role == "worker" or managers > 1,
            left=node.name in unfinished or UPGRADING in node.labels,
        )
        for node in order
    )


def upgrade_nodes(
    cluster: Cluster, confirm: Callable[[str], None], only: str | None = None
) -> Upgraded:
    """Upgrade every node, or `only` that one. Stops at the first that does not come back.

    Raises HostError, SwarmError; UnverifiedError where an address does not answer in the end;
    Refused where there is no such node.
    """
    refuse_lockout(cluster)
    with cluster.progress.phase("account") as phase:
        cloud = open_cloud(cluster)
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
    _named(cluster, only)
    with alone(cluster, cloud, f"node upgrade {only or ''}".strip()):
        # Only now does nobody make other nodes.
        hosts, names = _named(cluster, only)
        steps = _look(cluster, hosts, names)
        services = () if only else _services(cluster, hosts, check=True)
        if not steps and not services:
            return Upgraded()
        confirm("\n".join([*map(str, steps), *_warnings(steps), *services]))
        reboots = tuple(step.node for step in steps if _upgrade(cluster, hosts, step))
        if services:
            services = _services(cluster, hosts, check=False)
        _settled(cluster)
        _all_answer(cluster)
    packages = {step.node: [str(one) for one in step.packages] for step in steps}
    return Upgraded(tuple(step.node for step in steps), packages, services, reboots)


def _named(cluster: Cluster, only: str | None) -> tuple[Hosts, list[str]]:
    """The nodes, and the names of those to upgrade. Raises Refused where there is no such node."""
    outputs = read_outputs(cluster)
    if only is not None:
        outputs.named(only)
    hosts = hosts_to_play(cluster, outputs)
    return hosts, [only] if only else [host.name for host in hosts.inventory.hosts]


def _warnings(steps: Sequence[Step]) -> list[str]:
    return [
        f"{step.node} is the only manager: its engine restarts with what runs on it, and no "
        "address answers until that is over"
        for step in steps
        if step.engine and not step.drains
    ]


def _look(cluster: Cluster, hosts: Hosts, names: Sequence[str]) -> tuple[Step, ...]:
    with cluster.progress.phase("look for upgrades") as phase:

        def ask(name: str) -> tuple[tuple[Package, ...], bool]:
            runner = hosts.run_on(name, sudo=True)
            if is_at_work(runner) or is_interrupted(runner):
                return (), True
            return pending(runner, name), runs_old_engine(runner)

        with ThreadPoolExecutor(min(len(names), 8)) as pool:
            asked = dict(zip(names, pool.map(ask, names), strict=True))
        with hosts.swarm() as manager:
            nodes = manager.snapshot().nodes
        away = [node.name for node in nodes if node.state != "ready"]
        if away:
            raise Refused(
                f"{', '.join(away)} is not ready",
                why="a cluster with something missing is not upgraded",
                fix="run `beeyard up` first",
            )
        found = {name: packages for name, (packages, _) in asked.items()}
        unfinished = [name for name, (_, was) in asked.items() if was]
        steps = [one for one in plan_upgrade(nodes, found, unfinished) if one.node in names]
        for step in steps:
            phase.say(str(step))
        phase.result = f"{len(steps)} of {len(names)} nodes"
    return tuple(steps)


def _upgrade(cluster: Cluster, hosts: Hosts, step: Step) -> bool:
    """Upgrade a node. Gives whether a reboot that it wants is left to somebody."""
    runner = hosts.run_on(step.node, sudo=True)
    drained = step.drains and _drain(cluster, hosts, step.node)
    with cluster.progress.phase(f"upgrade {step.node}") as phase:
        if is_at_work(runner):
            phase.say("an upgrade that was begun goes on to its end")
            _await_end(cluster, runner, step.node)
        upgrade(runner, step.node)
        if runs_old_engine(runner):
            phase.say("its engine is started anew")
            restart_engine(runner, step.node)
        phase.result = f"{len(step.packages)} packages"
    reboot = wants_reboot(runner)
    if reboot and drained:
        _reboot(cluster, hosts, step.node)
    bring_back(cluster, hosts, [step.node], _AFTER)
    if drained:
        activate_node(cluster, step.node)
        mark_node(hosts, step.node, UPGRADING, None)
    _settled(cluster)
    return reboot and not drained


def _await_end(cluster: Cluster, runner: Runner, name: str) -> None:
    """Wait as long for an upgrade that somebody began as for one of our own."""
    try:
        wait_until(
            lambda: not is_at_work(runner),
            clock=cluster.clock,
            deadline=UPGRADE_DEADLINE,
            interval=2.0,
        )
    except Timeout:
        minutes = UPGRADE_DEADLINE / 60
        why = f"an upgrade that was begun there is not over after {minutes:.0f} minutes"
        raise lost(name, why, _AFTER) from None


def _drain(cluster: Cluster, hosts: Hosts, name: str) -> bool:
    """Drain it, unless somebody else has; gives whether it is ours to let in again."""
    with hosts.swarm() as manager:
        node = find_node(manager.snapshot(), name)
    if UPGRADING not in node.labels and node.availability != "active":
        return False
    mark_node(hosts, name, UPGRADING, "true")
    if node.availability != "drain":
        drain_node(cluster, name)
    return True


def _reboot(cluster: Cluster, hosts: Hosts, name: str) -> None:
    with cluster.progress.phase(f"reboot {name}") as phase:
        runner = hosts.run_on(name, sudo=True)
        boot = Command(["sh", "-c", _BOOT], timeout=15)
        before = runner.run(boot).stdout
        runner.run(Command(["systemctl", "reboot"], timeout=30), check=False)

        def is_another() -> bool:
            try:
                now = runner.run(boot, check=False)
            except BeeyardError:
                return False
            return now.code == 0 and now.stdout != before

        try:
            wait_until(is_another, clock=cluster.clock, deadline=BACK, interval=2.0)
        except Timeout:
            raise lost(name, "it was rebooted, and does not let us in", _AFTER) from None
        phase.result = "a package asked for it"


def _services(cluster: Cluster, hosts: Hosts, *, check: bool) -> tuple[str, ...]:
    """Infrastructure services that are not as this beeyard defines them, Traefik first of all: with
    `check`, seen; else brought to it. Gives the playbook's tasks that changed something."""
    with cluster.progress.phase("infrastructure" + " (look)" * check) as phase:
        options = Options(tags=("deploy_infra",), check=check, mitogen=cluster.mitogen)
        done = hosts.play(phase, "deploy", options)
    return tuple(f"infrastructure: {task}" for task in done.tasks)


def _settled(cluster: Cluster) -> None:
    """Every service has its replicas before anything else is touched."""
    with hosts_of(cluster).swarm() as manager, cluster.progress.phase("services") as phase:
        snapshot = await_services(cluster, manager, phase, deadline=300.0)
        phase.result = f"{len(snapshot.services)} run"


def _all_answer(cluster: Cluster) -> None:
    """In the end, users find what they found before: a Traefik that was started anew takes some
    seconds to see who is healthy. Raises UnverifiedError."""
    hosts = hosts_of(cluster)
    with hosts.swarm() as manager, cluster.progress.phase("addresses") as phase:
        await_urls(cluster, hosts.outputs, skipped(hosts.manager), manager, phase)
