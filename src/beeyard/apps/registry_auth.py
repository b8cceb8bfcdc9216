"""Who we are for a registry outside, where a sign-in may end: asked each time, never kept."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from beeyard.apps.registry import Credentials
from beeyard.errors import AppError
from beeyard.waiting import Clock

#: The share of a sign-in's life that it has left, at least, whenever it is given away.
LEFT = 2 / 3


class RegistryAuth(Protocol):
    """Signs in to one registry. Whoever needs it asks each time, and keeps nothing."""

    @property
    def host(self) -> str:
        """The registry's host, and port where it has one."""
        ...

    def credentials(self) -> Credentials:
        """A sign-in that is good now. Raises BeeyardError where there is none."""
        ...


@dataclass(frozen=True)
class FixedAuth:
    """User and password that stay."""

    host: str
    given: Credentials

    def credentials(self) -> Credentials:
        return self.given


@dataclass(frozen=True)
class Lent:
    """A sign-in, and for how many seconds it is good."""

    credentials: Credentials
    lasts: float


@dataclass
class EndingAuth:
    """A sign-in that ends, and is made anew by `ask` while most of its life is left: what is done
    with it, a rollout or a pipeline's stage, and what keeps it, a service's definition, may take
    hours. For any number of threads; one of them asks."""

    host: str
    ask: Callable[[], Lent]
    clock: Clock
    _held: Lent | None = field(default=None, init=False, repr=False)
    _since: float = field(default=0.0, init=False)
    _one: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def credentials(self) -> Credentials:
        """Raises AppError for one that had ended when it was given, and what `ask` raises."""
        with self._one:
            if self._held is None or self._left() < LEFT * self._held.lasts:
                # Before the question: however long it takes, the end is not taken for later.
                self._since = self.clock.monotonic()
                self._held = None
                self._held = self._asked()
            return self._held.credentials

    def _left(self) -> float:
        lasts = self._held.lasts if self._held else 0.0
        return lasts - (self.clock.monotonic() - self._since)

    def _asked(self) -> Lent:
        made = self.ask()
        if made.lasts <= 0:
            raise AppError(
                f"the sign-in to {self.host} had ended when it was given",
                why=f"its end was {-made.lasts:.0f} s ago by the clock of who gave it",
                fix="run it again; a rehearsal has no Amazon ECR: there, let the cluster have its "
                "own registry (`registry: {kind: cluster}`)",
            )
        return made
