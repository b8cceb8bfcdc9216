"""Whether somebody else moves tasks just now: what keeps count of that are labels and constraints
of services, which a deploy would overwrite."""

from collections.abc import Collection

from beeyard.errors import SwarmError
from beeyard.swarm.exclusion import DRAINING
from beeyard.swarm.model import Snapshot
from beeyard.swarm.rebalance import REBALANCING


def require_calm(snapshot: Snapshot, stack: str) -> None:
    """Raise SwarmError while a node is drained, or services of `stack` are rebalanced."""
    for node in snapshot.nodes:
        if DRAINING in node.labels:
            raise SwarmError(
                f"{node.name} is being drained",
                why="a deploy now would undo a part of that",
                fix=f"finish it with `beeyard node drain {node.name}`, or undo it with "
                f"`beeyard node activate {node.name}`; then run the command again",
            )
    require_not_rebalanced(snapshot, stack)


def require_not_rebalanced(snapshot: Snapshot, stack: str) -> None:
    """Raise SwarmError while a service of `stack` is rebalanced: its replicas are counted."""
    for service in snapshot.stack(stack):
        if REBALANCING in service.labels:
            raise SwarmError(
                f"{service.name} is being rebalanced",
                why="it has one replica more for the moment",
                fix="finish it with `beeyard rebalance`; then run the command again",
            )


def require_no_pause(snapshot: Snapshot, stack: str, services: Collection[str]) -> None:
    """Raise SwarmError where a global service of `stack` has a task on a node that is paused: Swarm
    changes nothing there (swarmkit, `manager/orchestrator/global`, reconcileServices)."""
    paused = {node.name for node in snapshot.nodes if node.availability == "pause"}
    for service in snapshot.stack(stack):
        short = service.name.removeprefix(f"{stack}_")
        there = sorted(paused.intersection(service.nodes))
        if service.mode == "global" and short in services and there:
            raise SwarmError(
                f"{service.name} can't be updated on {', '.join(there)}",
                why="the node is paused: its tasks stay as they are",
                fix=f"beeyard node activate {there[0]}, or drain it; then run the command again",
            )
