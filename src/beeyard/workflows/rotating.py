"""What the rotations share: alone on the cluster, and what the Swarm is then kept as a backup.

A backup from before holds what was rotated away: `recover` would bring back a user that is locked,
a root that no node trusts, a password that the registry does not take.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from beeyard.errors import BeeyardError, UnverifiedError
from beeyard.workflows.alone import alone_in
from beeyard.workflows.backups import open_backups
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.raft import KIND


@contextmanager
def rotating(cluster: Cluster, doing: str, find: Callable[[Cluster], Hosts]) -> Iterator[Hosts]:
    """Hold the cluster's lock; give the nodes, looked for once nobody else changes them; at the
    end, back the Swarm up.

    Raises UnverifiedError where all but the backup was done.
    """
    with alone_in(cluster, doing):
        hosts = find(cluster)
        yield hosts
        back_up(hosts, doing)


def back_up(hosts: Hosts, doing: str) -> None:
    """Take a backup of the Swarm's state, whatever the last one holds: not all that is rotated
    shows in what the two are compared by. Raises UnverifiedError."""
    try:
        open_backups(hosts).create((KIND,))
    except BeeyardError as error:
        raise UnverifiedError(
            f"{doing}: it is done, but no backup of the Swarm holds it",
            where=error.where,
            why=error.brief,
            fix="mend that, then take one: beeyard backup create raft; until then `beeyard "
            "recover` would bring back what has ended",
        ) from error
