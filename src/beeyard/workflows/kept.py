"""The sign-ins that Swarm keeps with services, made anew by whatever has tasks start elsewhere."""

from collections.abc import Callable

from beeyard.apps.kept import Busy, renew, renewals
from beeyard.apps.lock import holder
from beeyard.errors import BeeyardError
from beeyard.swarm import Manager
from beeyard.waiting import Clock
from beeyard.workflows.cluster import Cluster


def keep_signed_in(cluster: Cluster, manager: Manager, stack: str | None = None) -> None:
    """Replace the sign-ins that services keep, where they end. Nothing for other registries.

    `stack`: of the services of that one only, whose lock is held already. What can't be done is
    said, never raised: tasks that run do so in any case, and most nodes have their images.
    """
    auth = cluster.ending_auth
    if auth is None:
        return
    with cluster.progress.phase("sign-ins kept by services") as phase:
        busy: Busy = (lambda _: None) if stack else busy_of(manager, cluster.clock, phase.say)
        try:
            found = renewals(manager.snapshot(), auth.host, stack)
            held = found.held | found.ended
            left = held | renew(manager.client, found.due, auth.credentials(), busy)
        except BeeyardError as error:
            phase.say(f"warning: they are as they were: {error.what}: {error.why or ''}")
            phase.result = "not made anew"
            return
        for name, why in left.items():
            phase.say(f"{name}: {why}")
        phase.result = f"{len(found.due) + len(held) - len(left)} made anew"


def busy_of(manager: Manager, clock: Clock, say: Callable[[str], None]) -> Busy:
    """Asks who changes an application now; a lock whose holder is gone holds nobody up."""
    return lambda application: holder(manager.client, application, clock, say)
