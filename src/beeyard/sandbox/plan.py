"""From what should be and what is to what is to be done: pure, and printable."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from beeyard.sandbox import firewall
from beeyard.sandbox.container import Container
from beeyard.sandbox.database import credentials
from beeyard.sandbox.desired import Desired
from beeyard.sandbox.edge import Bind
from beeyard.sandbox.firewall import Firewall
from beeyard.sandbox.metadata import Metadata
from beeyard.sandbox.names import Names
from beeyard.sandbox.world import DatabaseInstance


@dataclass(frozen=True)
class Observed:
    """A container of the sandbox as Docker has it. `state` is Docker's own word."""

    thing: str
    kind: str
    state: str
    fingerprint: str
    container_id: str

    @property
    def is_up(self) -> bool:
        return self.state in {"running", "restarting", "paused"}


@dataclass(frozen=True)
class Actual:
    """What is. The last six are what the supervisor did itself, and only it can know.

    stopped      containers that were stopped because the API said so
    passwords    hash of the credentials set last, by container ID
    """

    containers: Mapping[str, Observed]
    volumes: frozenset[str]
    stopped: frozenset[str] = frozenset()
    passwords: Mapping[str, str] = field(default_factory=dict)
    binds: tuple[Bind, ...] | None = None
    names: Names | None = None
    metadata: Metadata | None = None
    firewall: Firewall | None = None


@dataclass(frozen=True)
class Create:
    container: Container

    def __str__(self) -> str:
        return f"create {self.container.kind} {self.container.thing}"


@dataclass(frozen=True)
class Start:
    thing: str

    def __str__(self) -> str:
        return f"start {self.thing}"


@dataclass(frozen=True)
class Stop:
    thing: str

    def __str__(self) -> str:
        return f"stop {self.thing}"


@dataclass(frozen=True)
class Remove:
    thing: str

    def __str__(self) -> str:
        return f"remove {self.thing}"


@dataclass(frozen=True)
class RemoveVolume:
    name: str

    def __str__(self) -> str:
        return f"remove volume {self.name}"


@dataclass(frozen=True)
class SetPassword:
    thing: str
    database: DatabaseInstance

    def __str__(self) -> str:
        return f"set the master password of {self.database.identifier}"


@dataclass(frozen=True)
class SetNames:
    names: Names

    def __str__(self) -> str:
        return "tell the resolver its names"


@dataclass(frozen=True)
class SetBinds:
    binds: tuple[Bind, ...]

    def __str__(self) -> str:
        return "tell the edge its addresses"


@dataclass(frozen=True)
class SetMetadata:
    metadata: Metadata

    def __str__(self) -> str:
        return "tell the metadata service of the instances"


@dataclass(frozen=True)
class SetFirewall:
    firewall: Firewall

    def __str__(self) -> str:
        return "enforce the security groups"


Telling = SetPassword | SetNames | SetBinds | SetMetadata | SetFirewall
Action = Create | Start | Stop | Remove | RemoveVolume | Telling


def plan(desired: Desired, actual: Actual) -> tuple[tuple[Action, ...], ...]:
    """What to do, in rounds: actions of one round don't depend on each other."""
    wanted = {container.thing: container for container in desired.containers}
    rounds: tuple[tuple[Action, ...], ...] = (
        tuple(_settings(desired, actual)),
        tuple(_removals(wanted, actual)),
        tuple(_changes(wanted, actual)),
        tuple(RemoveVolume(name) for name in sorted(actual.volumes - desired.volumes)),
        (*_passwords(desired, actual), *_firewall(desired, actual, wanted_up=False)),
    )
    return tuple(actions for actions in rounds if actions)


def _settings(desired: Desired, actual: Actual) -> Iterator[Action]:
    if desired.names != actual.names:
        yield SetNames(desired.names)
    if desired.binds != actual.binds:
        yield SetBinds(desired.binds)
    if desired.metadata != actual.metadata:
        yield SetMetadata(desired.metadata)
    yield from _firewall(desired, actual, wanted_up=True)


def _firewall(desired: Desired, actual: Actual, *, wanted_up: bool) -> Iterator[Action]:
    """Rules come before what they guard; at first nothing is, and who takes them is made before."""
    observed = actual.containers.get(firewall.THING)
    is_up = observed is not None and observed.is_up
    if desired.firewall != actual.firewall and is_up == wanted_up:
        yield SetFirewall(desired.firewall)


def _removals(wanted: Mapping[str, Container], actual: Actual) -> Iterator[Action]:
    for thing, observed in sorted(actual.containers.items()):
        container = wanted.get(thing)
        if container is None or _must_be_made_anew(container, observed):
            yield Remove(thing)


def _changes(wanted: Mapping[str, Container], actual: Actual) -> Iterator[Action]:
    for thing, container in wanted.items():
        observed = actual.containers.get(thing)
        if observed is None or _must_be_made_anew(container, observed):
            yield Create(container)
        elif observed.is_up and not container.running:
            yield Stop(thing)
        elif container.running and _must_be_started(container, observed, actual):
            yield Start(thing)


def _must_be_made_anew(container: Container, observed: Observed) -> bool:
    # An instance outlives changes to what it was launched with, as on EC2.
    return container.kind != "instance" and observed.fingerprint != container.fingerprint


def _must_be_started(container: Container, observed: Observed, actual: Actual) -> bool:
    if observed.state == "created":
        # Its creation was interrupted.
        return True
    if observed.state not in {"exited", "dead"}:
        return False
    # A node that died by itself stays dead: EC2 would show it as running and unreachable, too.
    return container.kind != "instance" or container.thing in actual.stopped


def _passwords(desired: Desired, actual: Actual) -> Iterator[Action]:
    for thing, database in desired.databases.items():
        observed = actual.containers.get(thing)
        if observed is None or not observed.is_up:
            continue
        if actual.passwords.get(observed.container_id) != credentials(database):
            yield SetPassword(thing, database)
