"""`Site`: the seams by which applications reach a cluster."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from docker import DockerClient

from beeyard.apps.references import registry_of
from beeyard.apps.registry import Credentials
from beeyard.process import Runner
from beeyard.swarm import Manager
from beeyard.waiting import Clock, SystemClock

Say = Callable[[str], None]
#: Opens a named part of the work; what is told to `Say` is shown below it.
Stage = Callable[[str], AbstractContextManager[Say]]


@dataclass(frozen=True)
class Site:
    """A cluster as applications see it.

    manager      the Engine API of a manager
    runner       runs commands on that manager, as a user who may use Docker
    node         a runner on a node, by its name; with the same rights
    engine       a node's own Engine API, for as long as it is open
    credentials  who we are for a registry, by its host; None: nobody
    registry     the host of the cluster's own registry, in which we may delete; None: it has none
    unkept       the registries whose sign-ins end, so that no node keeps them
    """

    manager: Manager
    runner: Runner
    node: Callable[[str], Runner]
    engine: Callable[[str], AbstractContextManager[DockerClient]]
    credentials: Callable[[str], Credentials | None]
    clock: Clock = field(default_factory=SystemClock)
    registry: str | None = None
    unkept: frozenset[str] = frozenset()

    def handed(self, images: Iterable[str]) -> Mapping[str, Credentials]:
        """The sign-ins, by registry, that Docker's command line is to be handed on the manager for
        `images`; none where it finds there what it needs."""
        registries = {registry_of(image) for image in images}
        if not registries & self.unkept:
            return {}
        known = {one: self.credentials(one) for one in sorted(registries)}
        return {one: found for one, found in known.items() if found is not None}
