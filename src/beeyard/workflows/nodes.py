"""`node` and `rebalance`: nodes shown, drained, let in again and removed; tasks spread anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from beeyard.errors import SwarmError
from beeyard.process import Command, Runner
from beeyard.swarm import Manager, Progress
from beeyard.swarm.drain import Drained, activate, drain
from beeyard.swarm.drain_plan import find_node, live_tasks, plan_drain
from beeyard.swarm.exclusion import DRAINING
from beeyard.swarm.rebalance import Moved, plan_rebalance, rebalance
from beeyard.swarm.removal import remove
from beeyard.swarm.services import change_node, with_labels
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts, swarm_state
from beeyard.workflows.kept import keep_signed_in
from beeyard.workflows.progress import Phase
from beeyard.workflows.status import hosts_of


@dataclass(frozen=True)
class NodeRow:
    """A node of the Swarm. `availability` is `active`, `pause`, `drain`, or `draining` where that
    has begun and not ended; `tasks`: how many are to run there."""

    name: str
    role: str
    state: str
    availability: str
    engine: str
    tasks: int


def list_nodes(cluster: Cluster) -> tuple[NodeRow, ...]:
    """The members of the Swarm. Raises CloudError where there is no cluster."""
    with _swarm(cluster) as (_, manager):
        snapshot = manager.snapshot()
    return tuple(
        NodeRow(
            name=node.name,
            role=node.role,
            state=node.state,
            availability="draining" if DRAINING in node.labels else node.availability,
            engine=node.engine_version,
            tasks=sum(len(live_tasks(service, node.name)) for service in snapshot.services),
        )
        for node in snapshot.nodes
    )


def drain_node(cluster: Cluster, name: str) -> Drained:
    """Drain a node: replacements first. Raises SwarmError if that can't be, with all as before."""
    with _swarm(cluster) as (_, manager):
        keep_signed_in(cluster, manager)
        with cluster.progress.phase(f"drain {name}") as phase:
            for line in plan_drain(manager.snapshot(), name).lines():
                phase.say(line)
            done = drain(manager, name, clock=cluster.clock, progress=telling(phase))
            phase.result = f"{len(done.moved)} services moved, {len(done.stopped)} stopped first"
    return done


def activate_node(cluster: Cluster, name: str) -> str:
    """Let a node take tasks again; gives its name."""
    with _swarm(cluster) as (_, manager):
        keep_signed_in(cluster, manager)
        with cluster.progress.phase(f"activate {name}") as phase:
            found = activate(manager, name, clock=cluster.clock, progress=telling(phase))
            phase.result = "it takes tasks"
    return found


def remove_node(cluster: Cluster, name: str) -> str:
    """Take a drained node out of the Swarm; gives its name. The machine itself goes when the file
    no longer names it."""
    with _swarm(cluster) as (hosts, manager), cluster.progress.phase(f"remove {name}") as phase:
        gate = hosts.inventory.first_manager.name
        if name == gate:
            raise SwarmError(
                f"{gate} can't be removed",
                why="it is the manager that beeyard comes in by",
                fix="`beeyard down` takes the cluster away",
            )

        def leave(node: str) -> str:
            phase.say("the node leaves the Swarm")
            return leave_swarm(hosts.run_on(node, sudo=True))

        removed = remove(manager, name, leave, clock=cluster.clock)
        phase.result = "it is no member any more"
    return removed.name


def leave_swarm(node: Runner) -> str:
    """Have a node leave its Swarm, by a runner on it; gives why it did not, and nothing also where
    it was in none: whoever was killed after that goes on."""
    done = node.run(Command(["docker", "swarm", "leave"], timeout=60), check=False)
    return done.tail() if done.code and swarm_state(node) != "inactive" else ""


def rebalance_tasks(cluster: Cluster) -> tuple[Moved, ...]:
    """Move tasks to nodes that have fewer; gives what moved."""
    with _swarm(cluster) as (_, manager):
        return rebalanced(cluster, manager)


def rebalanced(cluster: Cluster, manager: Manager) -> tuple[Moved, ...]:
    """The same as a step, where the Swarm has been opened already."""
    keep_signed_in(cluster, manager)
    with cluster.progress.phase("rebalance") as phase:
        for shift in plan_rebalance(manager.snapshot()).shifts:
            phase.say(str(shift))
        moved = rebalance(manager, clock=cluster.clock, progress=telling(phase))
        phase.result = f"{len(moved)} services moved"
    return moved


def mark_node(hosts: Hosts, name: str, label: str, value: str | None) -> None:
    """Give a node, by name or ID, a label for whoever comes after us, should we be killed; None
    takes it away. Raises SwarmError where there is no such node."""
    with hosts.swarm() as manager:
        node = find_node(manager.snapshot(), name)
        change_node(manager, node.id, lambda spec: with_labels(spec, {label: value}))


def telling(phase: Phase) -> Callable[[Progress], None]:
    """Tells in a phase how far services are."""
    return lambda seen: phase.say(
        f"{seen.service}: {seen.running}/{seen.wanted} {seen.note}".rstrip()
    )


@contextmanager
def _swarm(cluster: Cluster) -> Iterator[tuple[Hosts, Manager]]:
    hosts = hosts_of(cluster)
    with hosts.swarm() as manager:
        yield hosts, manager
