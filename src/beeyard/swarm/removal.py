"""A node taken out of the Swarm, without losing the Swarm's quorum."""

from collections.abc import Callable

from beeyard.errors import SwarmError
from beeyard.swarm.convergence import Patience
from beeyard.swarm.drain_plan import find_node, not_ended
from beeyard.swarm.exclusion import DRAINING
from beeyard.swarm.manager import Manager, in_words
from beeyard.swarm.model import Node, Snapshot
from beeyard.swarm.services import change_node
from beeyard.swarm.waiter import Waiter
from beeyard.waiting import Clock, SystemClock

#: For a manager to become a worker, and for a node to leave.
_PATIENCE = Patience(deadline=60.0)


def remove(
    manager: Manager, name: str, leave: Callable[[str], str], *, clock: Clock | None = None
) -> Node:
    """Take a drained node, or one that is down, out of the Swarm; give what it was.

    `leave` makes the node of that name leave by itself, and says why it did not; empty also where
    it had left before. It is called only if the node is up, and again while it fails: a manager
    does not know at once that it is none any more. Raises SwarmError, before anything is changed,
    if tasks run there or the managers left would have no quorum.
    """
    snapshot = manager.snapshot()
    node = find_node(snapshot, name, gone=True)
    if why := why_not(snapshot, node):
        raise SwarmError(f"{node.name} can't be removed", why=why, fix=_fix(node))
    waiter = Waiter(manager, _PATIENCE, clock or SystemClock(), lambda _: None)
    if _is_manager(node):
        change_node(manager, node.id, lambda spec: {**spec, "Role": "worker"})
        _await(waiter, node, lambda seen: "it is a manager" if seen.reachability else "")
    was_up = node.state == "ready"
    if was_up:
        _await(waiter, node, lambda seen: leave(node.name) if seen.state == "ready" else "")
    with in_words(f"{node.name} could not be removed"):
        # The node itself says that it has left. Managers hold it for up until they miss its
        # heartbeats: 15 s, and under load we saw more than a minute.
        manager.client.api.remove_node(node.id, force=was_up)
    return node


def why_not(snapshot: Snapshot, node: Node) -> str:
    """Why a node must not be removed; empty if it may be. Pure."""
    if _is_manager(node) and (why := _quorum(snapshot, node)):
        return why
    if node.state != "ready":
        return ""
    if node.availability != "drain" or DRAINING in node.labels:
        return "it is not drained"
    running = not_ended(snapshot, node.name)
    return f"tasks still run there: {', '.join(running)}" if running else ""


def _is_manager(node: Node) -> bool:
    """Whether it is one, or is about to be."""
    return node.role == "manager" or node.reachability is not None


def _quorum(snapshot: Snapshot, node: Node) -> str:
    """Raft goes on while more than half of its managers can be reached."""
    left = [one for one in snapshot.nodes if one.reachability is not None and one != node]
    reachable = sum(one.reachability == "reachable" for one in left)
    if not left:
        return "it is the only manager"
    if reachable * 2 <= len(left):
        return f"of the {len(left)} managers left, {reachable} can be reached: no quorum"
    return ""


def _fix(node: Node) -> str:
    if _is_manager(node):
        return f"bring the other managers up, or add one; then drain and remove {node.name}"
    return f"drain it first: beeyard node drain {node.name}"


def _await(waiter: Waiter, node: Node, missing: Callable[[Node], str]) -> None:
    waiter.until_nothing(
        lambda seen: missing(find_node(seen, node.id)),
        f"{node.name} has not left the Swarm",
        "run the command again; it goes on from here",
    )
