"""Tasks moved to nodes that have fewer of them, as after nodes joined (Swarm itself moves nothing:
moby#24103).

One at a time the service gets one replica more, which Swarm puts where the fewest are, and when
that one runs, one less, which Swarm takes from where the most are (`scheduler/nodeset.go`;
`orchestrator/replicated/services.go`, reconcile). So exactly the tasks that gain are moved, each
started before another stops. A forced update would replace all of them, and may end as uneven as
it began: its old tasks still count while it places the new ones.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from beeyard.errors import SwarmError
from beeyard.swarm.convergence import Patience
from beeyard.swarm.drain_plan import find_node, live_tasks, takers, unfinished, why_it_stops
from beeyard.swarm.exclusion import DRAINING, KEPT_OFF, Leaving, close, kept_off, reopen
from beeyard.swarm.failure import Progress
from beeyard.swarm.manager import Manager
from beeyard.swarm.model import Node, Service, Snapshot
from beeyard.swarm.placement import attributes
from beeyard.swarm.services import Spec, change_service, label, scaled, with_labels
from beeyard.swarm.waiter import MOVING, Waiter
from beeyard.waiting import Clock, SystemClock

#: On a service that has one replica more for a moment: how many it should have.
REBALANCING = "beeyard.rebalancing"
_ANY_NUMBER = 1_000_000


@dataclass(frozen=True)
class Shift:
    """A service that gains: how many tasks run on each node now, and how many of them move."""

    service: str
    counts: Mapping[str, int]
    moves: int

    def __str__(self) -> str:
        counts = ", ".join(f"{node} {count}" for node, count in self.counts.items())
        return f"{self.service}: {self.moves} to move ({counts})"


@dataclass(frozen=True)
class RebalancePlan:
    """What is to be done. `left`: services that a run cut short left with one replica more."""

    shifts: tuple[Shift, ...]
    left: tuple[str, ...]


@dataclass(frozen=True)
class Moved:
    """A service that was moved: how many of its tasks ran on each node before and after."""

    service: str
    before: Mapping[str, int]
    after: Mapping[str, int]


def plan_rebalance(snapshot: Snapshot) -> RebalancePlan:
    """The services that gain from moving. Pure."""
    return RebalancePlan(
        shifts=tuple(_shifts(snapshot)),
        left=tuple(one.name for one in snapshot.services if REBALANCING in one.labels),
    )


def rebalance(
    manager: Manager,
    *,
    patience: Patience = MOVING,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> tuple[Moved, ...]:
    """Move what gains from it, one service after another; give what moved, nothing where no task
    did.

    Raises SwarmError, with the service as it was, where a task doesn't come up on its new node.
    """
    waiter = Waiter(manager, patience, clock or SystemClock(), progress)
    for service in plan_rebalance(manager.snapshot()).left:
        _finish(waiter, service)
    moved = []
    for shift in plan_rebalance(manager.snapshot()).shifts:
        after = _level(waiter, shift)
        if after != shift.counts:
            moved.append(Moved(shift.service, shift.counts, after))
    return tuple(moved)


def moves_of(counts: Mapping[str, int]) -> int:
    """How many tasks have to move until no node has two more than another."""
    now = sorted(counts.values())
    moves = 0
    while now and now[-1] - now[0] > 1:
        now = sorted([now[0] + 1, *now[1:-1], now[-1] - 1])
        moves += 1
    return moves


def _shifts(snapshot: Snapshot) -> Iterator[Shift]:
    if any(DRAINING in node.labels for node in snapshot.nodes):
        return
    for service in snapshot.services:
        if service.mode != "replicated" or _is_busy(service):
            continue
        if not _is_even(service, takers(snapshot, service)):
            continue
        counts = _counts(snapshot, service)
        if moves := moves_of(counts):
            yield Shift(service.name, counts, moves)


def _is_even(service: Service, nodes: Sequence[Node]) -> bool:
    """Whether to spread tasks over nodes is to spread them over what the service's placement
    preferences name: where each zone, say, has as many nodes as another. Else Swarm, which places
    by preference, and takes away by node, would work against itself."""
    for descriptor in service.spread:
        sizes = Counter(attributes(node.described).get(descriptor, "") for node in nodes)
        if len(set(sizes.values())) > 1:
            return False
    return True


def _is_busy(service: Service) -> bool:
    """Whether a service can't be moved without a gap, or not now."""
    marked = KEPT_OFF in service.labels or REBALANCING in service.labels
    return marked or bool(why_it_stops(service) or unfinished(service))


def _counts(snapshot: Snapshot, service: Service) -> dict[str, int]:
    return {node.name: len(live_tasks(service, node.name)) for node in takers(snapshot, service)}


def _level(waiter: Waiter, shift: Shift) -> Mapping[str, int]:
    """Move one task after another, for as long as that helps: a node may have reasons of its own,
    such as its memory, not to take one."""
    counts, left = shift.counts, shift.moves
    while left:
        change_service(waiter.manager, shift.service, one_more)
        _finish(waiter, shift.service)
        snapshot = waiter.manager.snapshot()
        counts = _counts(snapshot, _find(snapshot, shift.service))
        if moves_of(counts) >= left:
            break
        left = moves_of(counts)
    return counts


def _finish(waiter: Waiter, service: str) -> None:
    """Wait for the replica too many, then have one less. If it doesn't come up, it must be the one
    that goes: Swarm would take another, which serves, from the node that has the most."""
    try:
        waiter.converged([service])
    except SwarmError:
        _without_it(waiter, service)
        raise
    change_service(waiter.manager, service, as_many_as_before)
    waiter.converged([service])


def _without_it(waiter: Waiter, service: str) -> None:
    """Take back the replica that did not come up. Swarm takes it first where it was on no node;
    else it is started elsewhere before."""
    manager = waiter.manager
    snapshot = manager.snapshot()
    bad = _where_it_fails(_find(snapshot, service))
    if bad is None:
        change_service(manager, service, as_many_as_before)
        return
    node_id = find_node(snapshot, bad).id
    # Until the constraint holds everywhere, some more may fail there: that is known by now, to us
    # and to Swarm, which would pause the update.
    patient = replace(waiter.patience, failures=_ANY_NUMBER, homeless=waiter.patience.deadline)
    bearing = replace(waiter, patience=patient)
    close(manager, node_id)
    try:
        change_service(manager, service, lambda spec: _going_on(kept_off(spec, node_id)))
        bearing.converged([service], Leaving(manager, bad))
        change_service(manager, service, as_many_as_before)
        waiter.converged([service])
    finally:
        reopen(waiter, node_id)


def _going_on(spec: Spec) -> Spec:
    """With an update that goes on whatever fails in it."""
    return {**spec, "UpdateConfig": {**spec["UpdateConfig"], "FailureAction": "continue"}}


def _where_it_fails(service: Service) -> str | None:
    """The node on which a replica that doesn't run was tried last; None where it had none yet."""
    missing = {
        task.name
        for task in service.tasks
        if task.desired in ("running", "ready") and not task.runs
    }
    tried = [task for task in service.tasks if task.name in missing and task.node and not task.runs]
    return max(tried, key=lambda task: task.since).node if tried else None


def _find(snapshot: Snapshot, name: str) -> Service:
    return next(service for service in snapshot.services if service.name == name)


def one_more(spec: Spec) -> Spec:
    """The service with one replica more, and how many it should have remembered."""
    if label(spec, REBALANCING) is not None:
        return spec
    replicas = spec["Mode"]["Replicated"]["Replicas"]
    return with_labels(scaled(spec, replicas + 1), {REBALANCING: str(replicas)})


def as_many_as_before(spec: Spec) -> Spec:
    """The service with as many replicas as it should have."""
    before = label(spec, REBALANCING)
    return spec if before is None else with_labels(scaled(spec, int(before)), {REBALANCING: None})
