"""What a rollout will do, before it does it: pure, printable, the same for the same input."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from beeyard.apps.bundle import Bundle, fingerprints
from beeyard.apps.release import Release
from beeyard.config.interpolation import interpolate
from beeyard.errors import AppError
from beeyard.swarm import Snapshot

Kind = Literal["create", "update", "keep", "remove"]


@dataclass(frozen=True)
class Change:
    """What happens to one service. `replicas` None: one on every node, or as many as a job has."""

    service: str
    kind: Kind
    order: str = ""
    replicas: int | None = None

    def __str__(self) -> str:
        how = f" ({self.order})" if self.kind == "update" else ""
        count = f", {self.replicas} replicas" if self.replicas is not None else ""
        return f"{self.kind} {self.service}{how}{count}"


@dataclass(frozen=True)
class Plan:
    """The way from what runs to a release.

    waves   services that change, in the order of their `depends_on`; those of one wave at once
    """

    application: str
    number: int
    previous: int | None
    changes: tuple[Change, ...]
    waves: tuple[tuple[str, ...], ...]

    @property
    def pending(self) -> bool:
        return bool(self.changed)

    @property
    def changed(self) -> tuple[Change, ...]:
        """What is not as it was."""
        return tuple(change for change in self.changes if change.kind != "keep")

    @property
    def replicas(self) -> dict[str, int]:
        """How many replicas each replicated service is to have."""
        return {c.service: c.replicas for c in self.changes if c.replicas is not None}

    def of(self, kind: Kind) -> tuple[str, ...]:
        return tuple(change.service for change in self.changes if change.kind == kind)

    def lines(self) -> list[str]:
        """The plan in words, a line for each step."""
        head = f"{self.application}: release {self.number}"
        head += f" in place of {self.previous}" if self.previous else ", the first"
        by_name = {change.service: change for change in self.changes}
        lines = [head]
        for index, wave in enumerate(self.waves, 1):
            lines.extend(f"  wave {index}: {by_name[name]}" for name in wave)
        lines.extend(f"  at the end: {by_name[name]}" for name in self.of("remove"))
        kept = self.of("keep")
        if kept:
            lines.append(f"  unchanged: {', '.join(kept)}")
        return lines


def planned(
    release: Release,
    previous: Release | None,
    snapshot: Snapshot,
    definitions: Mapping[str, str] = MappingProxyType({}),
    left: Collection[str] = (),
) -> Plan:
    """The plan for `release`, where `previous` is what should run and `snapshot` what does.

    definitions   hashes of the services as `previous` left them: one that somebody has changed by
                  hand since is deployed again
    left          services that releases which failed may have left behind

    Raises AppError where `depends_on` goes round in a circle.
    """
    new = fingerprints(release.bundle)
    old = fingerprints(previous.bundle) if previous else {}
    application = release.application
    there = {
        service.name.removeprefix(f"{application}_"): definitions.get(service.name)
        in (None, service.definition)
        for service in snapshot.stack(application)
    }
    counts = kept_replicas(release, previous, snapshot)
    few = fewer(counts, application, snapshot)
    entries = release.bundle.services
    changes = [
        Change(
            name,
            "update" if name in few else _kind(name, new, old, there),
            _order(entries[name]),
            counts.get(name),
        )
        for name in sorted(new)
    ]
    gone = [name for name in sorted({*old, *left}) if name not in new]
    changes += [Change(name, "remove") for name in gone if name in there]
    due = {change.service for change in changes if change.kind in ("create", "update")}
    return Plan(
        application,
        release.number,
        previous.number if previous else None,
        tuple(changes),
        tuple(wave for wave in (_due(level, due) for level in levels(release.bundle)) if wave),
    )


def kept_replicas(release: Release, previous: Release | None, snapshot: Snapshot) -> dict[str, int]:
    """How many replicas each replicated service of `release` is to have.

    What somebody scaled to stays (docker/cli#2235 is that it does not), down to what the file says.
    Where nobody has scaled, the file's number counts, be it fewer than before.
    """
    said = said_replicas(release.bundle)
    before = said_replicas(previous.bundle) if previous else {}
    running = _wanted(release.application, snapshot)
    return {
        name: max(count, running[name])
        if name in running and running[name] != before.get(name, running[name])
        else count
        for name, count in said.items()
    }


def fewer(counts: Mapping[str, int], application: str, snapshot: Snapshot) -> dict[str, int]:
    """Services that somebody scaled below what they are to have (`counts`), and to how many."""
    running = _wanted(application, snapshot)
    return {
        name: running[name] for name, count in counts.items() if running.get(name, count) < count
    }


def levels(bundle: Bundle) -> list[list[str]]:
    """The services in waves: each after those that its `depends_on` names."""
    services = bundle.services
    needs = {
        name: {other for other in entry.get("depends_on") or () if other in services}
        for name, entry in services.items()
    }
    made: list[list[str]] = []
    while needs:
        free = sorted(name for name, others in needs.items() if not others)
        if not free:
            raise AppError(
                f"`depends_on` goes round in a circle: {', '.join(sorted(needs))}",
                fix="take one of these dependencies out of the stack file",
            )
        made.append(free)
        needs = {
            name: others.difference(free) for name, others in needs.items() if name not in free
        }
    return made


def _kind(
    name: str, new: Mapping[str, str], old: Mapping[str, str], there: Mapping[str, bool]
) -> Kind:
    """`there`: the services that run, and whether each is as it was left."""
    if name not in there:
        return "create"
    return "keep" if new[name] == old.get(name) and there[name] else "update"


def _due(level: list[str], due: set[str]) -> tuple[str, ...]:
    return tuple(name for name in level if name in due)


def _order(entry: Mapping[str, Any]) -> str:
    settings = (entry.get("deploy") or {}).get("update_config") or {}
    return str(settings.get("order", "stop-first"))


def _wanted(application: str, snapshot: Snapshot) -> dict[str, int]:
    """How many replicas the Swarm is asked for, of replicated services."""
    return {
        service.name.removeprefix(f"{application}_"): service.wanted
        for service in snapshot.stack(application)
        if service.mode == "replicated"
    }


def said_replicas(bundle: Bundle) -> dict[str, int]:
    """The numbers of replicas that the file says, of replicated services."""
    found = {}
    for name, entry in bundle.services.items():
        deploy = entry.get("deploy") or {}
        if interpolate(str(deploy.get("mode", "replicated")), bundle.environment) != "replicated":
            continue
        count = interpolate(str(deploy.get("replicas", 1)), bundle.environment)
        if count.isdigit():
            found[name] = int(count)
    return found
