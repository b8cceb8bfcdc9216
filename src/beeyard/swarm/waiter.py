"""Waiting on one Swarm, with one patience, through all the steps of something."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from beeyard.errors import SwarmError
from beeyard.swarm.convergence import Patience, await_converged
from beeyard.swarm.failure import Observer, Progress
from beeyard.swarm.manager import Manager
from beeyard.swarm.model import Snapshot
from beeyard.waiting import Clock, Timeout, wait_until

#: For tasks that only change their node: one that no node takes is not waited for.
MOVING = Patience(homeless=20.0)


@dataclass(frozen=True)
class Waiter:
    """A manager, and how long and on which clock it is waited for; `progress` is told of it."""

    manager: Manager
    patience: Patience
    clock: Clock
    progress: Callable[[Progress], None]

    def converged(self, services: Collection[str], seen_by: Observer | None = None) -> Snapshot:
        """Wait until services have converged, as `seen_by` (None: the manager) sees it."""
        return await_converged(
            seen_by or self.manager,
            services,
            patience=self.patience,
            clock=self.clock,
            progress=self.progress,
        )

    def until_nothing(self, missing: Callable[[Snapshot], str], what: str, fix: str) -> None:
        """Wait until nothing is missing. At the deadline raises SwarmError: `what`, and what was
        missing last."""
        said = ""

        def there() -> bool:
            nonlocal said
            said = missing(self.manager.snapshot())
            return not said

        try:
            wait_until(there, clock=self.clock, deadline=self.patience.deadline)
        except Timeout as error:
            late = f"{what} after {self.patience.deadline:g} s"
            raise SwarmError(late, why=said, fix=fix) from error
