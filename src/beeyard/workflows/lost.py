"""A Swarm's only manager that is lost: how it is noticed, and that no other Swarm is built instead.

What a Swarm knows is on its managers. Where there is one, and it is gone, another machine in its
place knows nothing: only a backup does (`workflows.recover`).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from beeyard.cloud import Outputs
from beeyard.cloud.nodes import Turnover
from beeyard.errors import SwarmError
from beeyard.process import Command, CommandTimeout
from beeyard.workflows.hosts import Hosts

RECOVER = "bring the Swarm back from its last backup: beeyard recover"
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
        fix=f"{RECOVER}; to begin with nothing: beeyard down, then beeyard up",
    )


def refuse_orphans(hosts: Hosts) -> None:
    """Raises SwarmLost where workers are in a Swarm, and the only manager, which is in none, would
    begin another."""
    workers = [host.name for host in hosts.inventory.workers]
    if not workers or len(hosts.inventory.managers) > 1:
        return
    with ThreadPoolExecutor(min(len(workers), 16)) as pool:
        asked = pool.map(lambda name: _is_member(hosts, name), workers)
        members = [name for name, member in zip(workers, asked, strict=True) if member]
    if members:
        first = hosts.inventory.first_manager.name
        raise SwarmLost(
            f"{first} is in no Swarm, and {', '.join(members)} in one that it was to manage",
            where=first,
            why="its machine was made anew, or lost its disk: it would begin another Swarm",
            fix=RECOVER,
        )


def _is_member(hosts: Hosts, node: str) -> bool:
    """Whether its engine is in a Swarm, though it may reach no manager of it."""
    argv = ["docker", "info", "--format", "{{.Swarm.NodeID}}"]
    try:
        said = hosts.run_on(node, sudo=True).run(Command(argv, timeout=30), check=False)
    except CommandTimeout:
        return False
    return said.code == 0 and bool(said.stdout.strip())
