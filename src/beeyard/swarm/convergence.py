"""Waiting until services are what they were asked to be, or saying why they are not.

A rollback by Swarm looks converged, and `docker stack deploy` ends with 0 before anything runs
(docker/cli#6752): so nothing is believed but tasks of the current definition and UpdateStatus.
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta

from beeyard.errors import SwarmError
from beeyard.swarm.failure import FAILED_UPDATES, Observer, Progress, failure, newest_trouble
from beeyard.swarm.manager import TunnelEnded
from beeyard.swarm.model import Service, Snapshot, Task
from beeyard.waiting import Clock, SystemClock

_POLL = 0.5
# For how long more tasks may run than are wanted, though Swarm updates nothing (seconds).
_SURPLUS = 3.0


@dataclass(frozen=True)
class Patience:
    """How long to wait.

    deadline  seconds until everything must have converged
    settle    seconds that a task must have run before it counts: those that crash do so early
    failures  how many tasks of one service may fail meanwhile before it is given up
    homeless  seconds for which a task may find no node that takes it
    away      seconds for which the manager may say nothing: another leader is elected, or its
              engine starts anew
    """

    deadline: float = 600.0
    settle: float = 3.0
    failures: int = 5
    homeless: float = math.inf
    away: float = 30.0


USUAL = Patience()


def converged(
    snapshot: Snapshot, services: Collection[str] | None = None, settle: float = 0.0
) -> list[str]:
    """What is missing, in words, one sentence each; empty if all is as it should be.

    `services` are the names to look at; None means all.
    """
    return [
        f"{progress.service}: {progress.note}"
        for progress in observe(snapshot, services, settle)
        if progress.note
    ]


def observe(
    snapshot: Snapshot, services: Collection[str] | None = None, settle: float = 0.0
) -> list[Progress]:
    """How far each service is, in the order of their names."""
    by_name = {service.name: service for service in snapshot.services}
    names = by_name if services is None else sorted(services)
    return [
        _progress(by_name[name], snapshot, settle)
        if name in by_name
        else Progress(name, 0, 0, "there is no such service")
        for name in names
    ]


def await_converged(
    observer: Observer,
    services: Collection[str] | None = None,
    *,
    patience: Patience = USUAL,
    clock: Clock | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Snapshot:
    """Wait until `services` (None: all) have converged; give back the observation that showed it.

    `progress` is called whenever a service's state changes. Raises SwarmError, naming the failing
    task, its node, its error and its last log lines, at the deadline, on a failed update, or when
    a service's tasks failed more often than `patience` bears.
    """
    clock = clock or SystemClock()
    end = clock.monotonic() + patience.deadline
    told: dict[str, Progress] = {}
    snapshot = _observed(observer, clock, patience.away)
    before = _failures(snapshot)
    homeless: dict[str, float] = {}
    surplus: dict[str, float] = {}
    while True:
        states = observe(snapshot, services, patience.settle)
        for state in states:
            if told.get(state.service) != state:
                told[state.service] = state
                progress(state)
        missing = [state for state in states if state.note]
        if not missing:
            return snapshot
        homeless = {name: homeless.get(name, clock.monotonic()) for name in _without_node(snapshot)}
        for state in missing:
            reason = _hopeless(snapshot, state.service, before, patience)
            reason = reason or _nowhere(clock.monotonic(), homeless.get(state.service), patience)
            if reason:
                raise failure(observer, snapshot, state, f"given up after {reason}", missing)
        if clock.monotonic() >= end:
            reason = f"not there after {patience.deadline:g} s"
            raise failure(observer, snapshot, missing[0], reason, missing)
        surplus = _tidied(observer, snapshot, missing, surplus, clock.monotonic())
        clock.sleep(_POLL)
        snapshot = _observed(observer, clock, patience.away)


def _observed(observer: Observer, clock: Clock, away: float) -> Snapshot:
    """A snapshot, asked for again where the manager says nothing for a while."""
    end = clock.monotonic() + away
    while True:
        try:
            return observer.snapshot()
        except TunnelEnded:
            raise
        except SwarmError:
            if clock.monotonic() >= end:
                raise
        clock.sleep(_POLL)


def _progress(service: Service, snapshot: Snapshot, settle: float) -> Progress:
    running = [task for task in service.running if task.current]
    note = _note(service, snapshot, running, settle)
    return Progress(service.name, len(service.running), service.wanted, note)


def _note(service: Service, snapshot: Snapshot, running: list[Task], settle: float) -> str:
    update = service.update
    if update and update.state in FAILED_UPDATES:
        return f"its update failed ({update.state}): {update.message}"
    if len(running) < service.wanted:
        old = len(service.running) - len(running)
        still = f", {old} still run the previous definition" if old > 0 else ""
        return f"{len(running)} of {service.wanted} replicas run{still}{_because(service)}"
    if len(service.running) > service.wanted:
        return f"{len(service.running) - service.wanted} replicas are still to be stopped"
    if update and update.state == "updating":
        return "all replicas run, Swarm still watches the update"
    young = snapshot.taken_at - timedelta(seconds=settle)
    if settle and not service.mode.endswith("-job") and any(t.since > young for t in running):
        return f"all replicas run, but not yet for {settle:g} s"
    return ""


def _because(service: Service) -> str:
    task = newest_trouble(service)
    if task is None:
        return ""
    place = f" on {task.node}" if task.node else ""
    reason = f": {task.error}" if task.error else ""
    return f" (task {task.name}{place} is {task.state}{reason})"


def _failures(snapshot: Snapshot) -> dict[str, set[str]]:
    return {
        service.name: {task.id for task in service.ended if task.current}
        for service in snapshot.services
    }


def _without_node(snapshot: Snapshot) -> list[str]:
    """The services that have a task for which the scheduler found no node."""
    return [
        service.name
        for service in snapshot.services
        if any(
            task.state == "pending" and task.error and task.desired in ("running", "ready")
            for task in service.tasks
        )
    ]


def _tidied(
    observer: Observer,
    snapshot: Snapshot,
    missing: Collection[Progress],
    since: Mapping[str, float],
    now: float,
) -> dict[str, float]:
    """Have services tidied that keep more tasks than they should; give since when which do so."""
    waited = {one.service for one in missing}
    found = {}
    for service in snapshot.services:
        updating = service.update is not None and service.update.state == "updating"
        if service.name in waited and len(service.running) > service.wanted and not updating:
            found[service.name] = since.get(service.name, now)
            if now - found[service.name] >= _SURPLUS:
                observer.tidy(service.name)
                found[service.name] = now
    return found


def _nowhere(now: float, since: float | None, patience: Patience) -> str:
    if since is None or now - since < patience.homeless:
        return ""
    return f"{now - since:.0f} s in which no node took a task"


def _hopeless(
    snapshot: Snapshot, name: str, before: dict[str, set[str]], patience: Patience
) -> str:
    """Why it is no use to wait for a service any longer; empty if it may still come."""
    service = next((s for s in snapshot.services if s.name == name), None)
    if service is None:
        return ""
    if service.update and service.update.state in FAILED_UPDATES:
        return f"Swarm itself stopped the update ({service.update.state})"
    count = len(_failures(snapshot)[name] - before.get(name, set()))
    return f"{count} of its tasks failed" if count >= patience.failures else ""
