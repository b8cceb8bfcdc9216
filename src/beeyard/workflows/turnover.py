"""Nodes that go, or are made anew, under a Swarm that goes on: drained first, and one at a time."""

from collections.abc import Callable, Collection, Sequence

from beeyard.cloud import Node as Machine
from beeyard.cloud import Outputs
from beeyard.cloud.nodes import Turnover, address_of
from beeyard.errors import Refused
from beeyard.provision import Options
from beeyard.swarm import Manager, Snapshot
from beeyard.swarm.exclusion import DRAINING
from beeyard.swarm.model import Node
from beeyard.workflows.alone import alone
from beeyard.workflows.cloud import Cloud, open_cloud, summary
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.coming_back import bring_back
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.lost import refuse_orphans
from beeyard.workflows.make import controller_image, reach, start_stopped
from beeyard.workflows.nodes import activate_node, drain_node, mark_node, rebalanced, remove_node
from beeyard.workflows.operators import refuse_lockout
from beeyard.workflows.schedule import hosts_to_play
from beeyard.workflows.status import hosts_of

#: On a node that is drained because its machine is to go, or to be restarted.
TURNING = "beeyard.turning"
_PARTS = ("deploy_swarm", "configure_efs", "deploy_infra")


def refuse_count(cluster: Cluster, managers: Sequence[str]) -> None:
    """Raises Refused where the file wants another number of managers than there is."""
    wanted = cluster.spec.managers.count
    if len(managers) != wanted:
        raise Refused(
            f"there {_are(len(managers))}, and beeyard.yml says {wanted}",
            where="managers.count in beeyard.yml",
            why="the number of managers of a cluster that runs can't be changed yet",
            fix=f"set it to {len(managers)}",
        )


def refuse_managers(cluster: Cluster, turn: Turnover, managers: Sequence[str]) -> None:
    """Raises Refused for what would take a manager away, before anything is touched."""
    refuse_count(cluster, managers)
    lost = [name for name in (*turn.leaving, *turn.replaced) if name in managers]
    if lost:
        raise Refused(
            f"{', '.join(lost)} would be made anew, and the Swarm would be lost with it",
            why="what the Swarm knows is on its managers only",
            fix="take back what changes it: a zone, an address, the size of its disk; for one "
            "that is lost: beeyard recover",
        )


def turn_over(cluster: Cluster, cloud: Cloud, turn: Turnover) -> int:
    """Let nodes go that are to go, and make others anew, or restart them, one at a time.

    Tasks run elsewhere before a node is touched, and what a run that was killed left away comes
    back first: else two would be. Gives how many nodes it were. Raises SwarmError where there is no
    room for their tasks, with that node as it was.
    """
    if not turn:
        return 0
    with cluster.progress.phase("nodes that are there") as phase:
        # A run that was killed may have applied more than the state's outputs say.
        cloud.refresh()
        hosts = hosts_to_play(cluster, cloud.present())
        swarm = hosts.in_swarm()
        phase.result = f"{len(hosts.outputs.nodes)} nodes"
    if not swarm:
        # Nothing runs there yet: all may be changed at once.
        refuse_orphans(hosts)
        return 0
    seen = _made_whole(cluster, cloud, hosts, turn)
    for name in in_turn(turn, seen):
        if name in turn.restarted:
            _restart(cluster, cloud, name)
        else:
            leave(cluster, name)
        if name in turn.replaced:
            make_anew(cluster, cloud, name)
    return len(turn.touched)


def in_turn(turn: Turnover, snapshot: Snapshot) -> tuple[str, ...]:
    """The nodes that are to be touched, those first that take no tasks now, as a run that was
    killed left them: after another, they would be two that are away. Pure."""
    here = {
        one.name
        for one in snapshot.nodes
        if one.state == "ready" and one.availability == "active" and not _was_ours(one)
    }
    return tuple(sorted(turn.touched, key=lambda name: name in here))


def _made_whole(cluster: Cluster, cloud: Cloud, hosts: Hosts, turn: Turnover) -> Snapshot:
    """Have all nodes that are to stay as they are in the Swarm, and take tasks: those that are not
    there yet as well. Gives what the Swarm was before."""
    if turn.absent:
        cloud.apply_only("nodes that are missing", [address_of(name) for name in turn.absent])
        with cluster.progress.phase("cloud: efs") as phase:
            # A zone that had no node before has no way to the shared files.
            phase.result = summary(cloud.apply(phase, [["efs"]]))
    if start_stopped(cluster, cloud, hosts.outputs) or turn.absent:
        hosts = hosts_to_play(cluster, cloud.present())
    with hosts.swarm() as manager:
        forget_ghosts(cluster, hosts, manager, manager.snapshot())
        seen = manager.snapshot()
    missing = absent_members(hosts.outputs.nodes, seen, turn.touched)
    if missing:
        _join(cluster, hosts.outputs, ", ".join(missing), missing)
    put_back(cluster, seen, turn.touched)
    return seen


def absent_members(
    nodes: Sequence[Machine], snapshot: Snapshot, touched: Collection[str] = ()
) -> tuple[str, ...]:
    """The nodes that the Swarm does not call ready, by name, but for those that are to be touched
    in any case. Pure."""
    ready = {(one.name, one.address) for one in snapshot.nodes if one.state == "ready"}
    managers = {
        one.name for one in snapshot.nodes if one.role == "manager" and one.state == "ready"
    }
    return tuple(
        node.name
        for node in nodes
        if node.name not in touched
        and (node.name, node.private_ip) not in ready
        and node.name not in managers
    )


def leave(cluster: Cluster, name: str) -> None:
    """Take a node out of the Swarm, with its tasks running elsewhere before; one that is gone
    already is only forgotten."""
    node = _member(cluster, name)
    if node is None:
        return
    if node.state == "ready":
        _drain(cluster, node)
    remove_node(cluster, name)


def make_anew(cluster: Cluster, cloud: Cloud, name: str, *, whatever: bool = False) -> Hosts:
    """Terminate a node that left, start another in its place, and let that join.

    whatever  also where nothing of it differs from the file
    """
    address = address_of(name)
    cloud.apply_only(name, [address], address if whatever else "")
    return _join(cluster, cloud.present(), name, [name])


def _join(cluster: Cluster, outputs: Outputs, what: str, names: Sequence[str]) -> Hosts:
    """Have machines that are there join the Swarm, and be ready."""
    hosts = reach(cluster, outputs)
    # The shared files come after the nodes, where the cluster was never all there.
    tags = _PARTS if outputs.shared_files else _PARTS[:1]
    with cluster.progress.phase(f"{what} joins" if len(names) == 1 else f"{what} join") as phase:
        hosts.play(phase, "deploy", Options(tags=tags, mitogen=cluster.mitogen))
    controller_image(hosts)
    bring_back(cluster, hosts, names)
    return hosts


def replace_node(cluster: Cluster, name: str, confirm: Callable[[str], None]) -> None:
    """Make a worker anew, whatever state it is in: its tasks run elsewhere before it goes.

    Raises Refused for a manager, and where there is no such node.
    """
    with cluster.progress.phase("account") as phase:
        refuse_lockout(cluster)
        cloud = open_cloud(cluster)
        outputs = cloud.outputs()
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
    outputs.named(name)
    refuse_managers(cluster, Turnover(replaced=(name,)), [one.name for one in outputs.managers])
    confirm(f"{name} is terminated, and another made in its place; what only its disk has is lost")
    with alone(cluster, cloud, f"node replace {name}"):
        leave(cluster, name)
        hosts = make_anew(cluster, cloud, name, whatever=True)
        with hosts.swarm() as manager:
            forget_ghosts(cluster, hosts, manager, manager.snapshot())
            rebalanced(cluster, manager)


def _restart(cluster: Cluster, cloud: Cloud, name: str) -> None:
    """Have a node's machine stopped and started. A worker is drained before, and takes tasks again
    after it, but for one that somebody drained by `beeyard node drain`."""
    node = _member(cluster, name)
    worker = node if node and node.role == "worker" else None
    takes_tasks = worker is not None and (worker.availability == "active" or _was_ours(worker))
    if worker and takes_tasks and worker.state == "ready":
        _drain(cluster, worker)
    cloud.apply_only(name, [address_of(name)])
    hosts = reach(cluster, cloud.present())
    if node:
        bring_back(cluster, hosts, [name])
    if worker and takes_tasks:
        _let_in(cluster, worker)


def _drain(cluster: Cluster, node: Node) -> None:
    """Drain a node, with a mark for whoever comes after us, should we be killed."""
    mark_node(hosts_of(cluster), node.id, TURNING, "up")
    drain_node(cluster, node.name)


def _let_in(cluster: Cluster, node: Node) -> None:
    activate_node(cluster, node.name)
    mark_node(hosts_of(cluster), node.id, TURNING, None)


def put_back(cluster: Cluster, snapshot: Snapshot, touched: Collection[str] = ()) -> int:
    """Let those nodes take tasks again that a killed run of ours was draining, and that are to stay
    after all, but for those that are yet to be `touched`: for who holds the cluster's lock. Gives
    their number.

    Drained by `beeyard node drain`, a node stays drained.
    """
    left = [node for node in left_draining(snapshot) if node.name not in touched]
    for node in left:
        _let_in(cluster, node)
    return len(left)


def left_draining(snapshot: Snapshot) -> tuple[Node, ...]:
    """The nodes that a run which was killed was draining. Pure."""
    return tuple(one for one in snapshot.nodes if _was_ours(one))


def _was_ours(node: Node) -> bool:
    return bool(node.labels.keys() & {TURNING, DRAINING})


def _member(cluster: Cluster, name: str) -> Node | None:
    with hosts_of(cluster).swarm() as manager:
        snapshot = manager.snapshot()
    # Of one that was made anew the Swarm may know what it was before, too.
    same = [node for node in snapshot.nodes if node.name == name]
    return next((node for node in same if node.state == "ready"), next(iter(same), None))


def forget_ghosts(cluster: Cluster, hosts: Hosts, manager: Manager, snapshot: Snapshot) -> int:
    """Remove members of the Swarm that are down, and whose machines the cloud no longer has."""
    addresses = [host.private_ip for host in hosts.inventory.hosts]
    found = ghosts(snapshot, addresses)
    if found:
        with cluster.progress.phase("nodes that are gone") as phase:
            for node in found:
                phase.say(f"{node.name} ({node.address}) is forgotten")
                manager.client.api.remove_node(node.id)
            phase.result = f"{len(found)} forgotten"
    return len(found)


def ghosts(snapshot: Snapshot, addresses: Sequence[str]) -> tuple[Node, ...]:
    """Workers that are down and stand for no machine: their address is nobody's, or another
    member's of the same name that is up. Pure."""

    def stands_for_none(node: Node) -> bool:
        another = any(
            other.name == node.name and other.state == "ready" for other in snapshot.nodes
        )
        return another or node.address not in addresses

    return tuple(
        node
        for node in snapshot.nodes
        if node.state == "down" and node.reachability is None and stands_for_none(node)
    )


def _are(count: int) -> str:
    return "is 1 manager" if count == 1 else f"are {count} managers"
