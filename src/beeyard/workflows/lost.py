"""A Swarm's only manager that is lost: how it is noticed, and that no other Swarm is built instead.

What a Swarm knows is on its managers. Where there is one, and it is gone, another machine in its
place knows nothing: only a backup does (`workflows.recover`). That there was a Swarm is told by
workers that are in it, and by backups of it, but for those from before the last `down`.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from beeyard.backup import Listing
from beeyard.cloud import Outputs
from beeyard.cloud.nodes import Turnover
from beeyard.cloud.shared_text import SharedText
from beeyard.errors import HostError, SwarmError
from beeyard.process import Command, CommandTimeout
from beeyard.workflows.backups import store_of
from beeyard.workflows.cloud import bucket_of
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.raft import KIND

RECOVER = "bring the Swarm back from its last backup: beeyard recover"
ANEW = "to begin with nothing: beeyard down, then beeyard up"
#: Names what an engine that is in a Swarm has, whether it runs or not; nothing where there is none.
ENGINE_STATE = (
    *("find", "/var/lib", "-maxdepth", "3", "-ignore_readdir_race"),
    *("-path", "/var/lib/docker/swarm/docker-state.json"),
)
_ENDED = "swarm/taken-away"
#: EC2's words for an instance that does not come back; one that it no longer lists is `missing`.
GONE = ("missing", "shutting-down", "terminated")


class SwarmLost(SwarmError):
    """The machine of the only manager is gone, and the Swarm with it."""


def lost_manager(outputs: Outputs, states: Mapping[str, str]) -> str | None:
    """The only manager, if its instance is gone. `states`: of the instances, by their IDs. Pure."""
    if len(outputs.managers) != 1:
        return None
    (manager,) = outputs.managers
    return manager.name if states.get(manager.instance_id, "missing") in GONE else None


def is_absent(turn: Turnover, managers: Sequence[str]) -> bool:
    """Whether the only manager that was there has no machine any more, by a plan. Pure."""
    return len(managers) == 1 and managers[0] in turn.absent


def absent(manager: str) -> SwarmLost:
    """Why `up` does not go on where it is so."""
    return SwarmLost(
        f"{manager} is gone, and what the Swarm knew with it",
        where=manager,
        why="another machine in its place would begin another Swarm, without all that runs",
        fix=f"{RECOVER}; {ANEW}",
    )


def refuse_absent(
    cluster: Cluster, turn: Turnover, managers: Sequence[str], workers: Sequence[str]
) -> None:
    """Raises SwarmLost where a plan would make the only manager anew, and with it another Swarm.

    Workers are reached through a manager: so those that are there can't be asked whether they are
    in one, and count as if they were.
    """
    if not is_absent(turn, managers):
        return
    if backups(cluster).newest_good(KIND):
        raise absent(managers[0])
    if left := [name for name in workers if name not in turn.absent]:
        raise SwarmLost(
            f"{managers[0]} is gone, and there is no good backup of what its Swarm knew",
            where=managers[0],
            why=f"{', '.join(left)} may be in that Swarm yet, and would not come to another",
            fix=ANEW,
        )


def backups(cluster: Cluster) -> Listing:
    """The backups of the Swarm that the cluster has, or had: not those from before a `down`."""
    found = store_of(cluster).list((KIND,))
    ended = SharedText(cluster.aws, bucket_of(cluster), _ENDED).read().text
    if not ended:
        return found
    until = datetime.fromisoformat(ended)
    later = tuple(one for one in found.backups if one.manifest.taken_at > until)
    return Listing(later, found.leftovers)


def note_taken_away(cluster: Cluster) -> None:
    """Put down that the Swarm ended by a `down`: backups of it are no proof that one was lost."""
    shared = SharedText(cluster.aws, bucket_of(cluster), _ENDED)
    # Whoever holds the cluster's lock is alone with it; so this ends.
    while not shared.write(datetime.now(UTC).isoformat(), shared.read()):
        pass


def refuse_orphans(hosts: Hosts) -> None:
    """Raises SwarmLost where there was a Swarm, and the only manager, which is in none, would begin
    another; HostError where a worker does not say whether it is in one."""
    if len(hosts.inventory.managers) > 1:
        return
    first = hosts.inventory.first_manager.name
    workers = [host.name for host in hosts.inventory.workers]
    with ThreadPoolExecutor(16) as pool:
        asked = pool.map(lambda name: _is_member(hosts, name), workers)
        members = [name for name, member in zip(workers, asked, strict=True) if member]
    listing = backups(hosts.cluster)
    fix = RECOVER if listing.newest_good(KIND) else ANEW
    if members:
        raise SwarmLost(
            f"{first} is in no Swarm, and {', '.join(members)} in one that it was to manage",
            where=first,
            why="its machine was made anew, or lost its disk: it would begin another Swarm",
            fix=fix,
        )
    if made := listing.of(KIND):
        raise SwarmLost(
            f"{first} is in no Swarm, and there is a backup of one that it managed",
            where=first,
            why=f"the backup {made[0].id}: its machine was made anew, or lost its disk, and it "
            "would begin another Swarm",
            fix=f"{fix}; {ANEW}" if fix != ANEW else fix,
        )


def _is_member(hosts: Hosts, node: str) -> bool:
    """Whether its engine is in a Swarm, though it may reach no manager of it, or not run."""
    runner = hosts.run_on(node, sudo=True)
    argv = ("docker", "info", "--format", "{{.Swarm.NodeID}}")
    try:
        said = runner.run(Command(argv, timeout=30), check=False)
        if said.code:
            # It has no engine yet, or none that runs.
            said = runner.run(Command(ENGINE_STATE, timeout=30), check=False)
    except CommandTimeout as error:
        raise _unsaid(node, error.what) from error
    if said.code:
        raise _unsaid(node, said.tail())
    return bool(said.stdout.strip())


def _unsaid(node: str, why: str) -> HostError:
    return HostError(
        f"{node} does not say whether it is in a Swarm",
        where=node,
        why=why,
        fix="the manager is in none, and may not begin one while a worker waits for another: see "
        f"what keeps the engine of {node} (beeyard ssh {node}), then run it again",
    )
