"""How it is with a Swarm's only manager: whether there is something to recover, and how far that
came where it was cut short."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from beeyard.cloud import Outputs
from beeyard.errors import HostError, Refused
from beeyard.process import Command, CommandTimeout
from beeyard.provision import unreachable
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.lost import GONE
from beeyard.workflows.raft import asked

#: `gone`: its instance is; `silent`: it lets nobody in; `blank`: it is in no Swarm; `begun`: it was
#: restored, and what follows was cut short; `lives`: it manages.
Found = Literal["gone", "silent", "blank", "begun", "lives", "stopped"]
#: Seconds in which a manager that is not lost lets us in.
_ANSWERS = 15.0
_IN_SWARM = ("docker", "info", "--format", "{{.Swarm.LocalNodeState}}")

WORDS: Mapping[Found, str] = {
    "gone": "its machine is gone",
    "silent": "its machine lets nobody in",
    "blank": "its machine is in no Swarm",
    "begun": "it was brought back, and what follows was cut short",
    "lives": "it manages the Swarm",
    "stopped": "its machine is stopped",
}


def only_manager(outputs: Outputs) -> str:
    """Its name. Raises Refused where there are several."""
    if len(outputs.managers) != 1:
        raise Refused(
            f"there are {len(outputs.managers)} managers",
            why="what one of several knew, the others know: a Swarm is recovered that had one only",
            fix="run `beeyard up`",
        )
    return outputs.managers[0].name


def look(hosts: Hosts) -> Found:
    """How it is with the manager."""
    cluster, (manager,) = hosts.cluster, hosts.outputs.managers
    state = cluster.aws.instance_states(hosts.outputs).get(manager.instance_id, "missing")
    if state in GONE:
        return "gone"
    if state != "running":
        return "stopped"
    if _silent(hosts):
        return "silent"
    try:
        asked_of = hosts.manager.run(Command(_IN_SWARM, timeout=60), check=False)
    except CommandTimeout:
        return "silent"
    if asked_of.code == 0 and asked_of.stdout.strip() == "active":
        return "begun" if _is_begun(hosts) else "lives"
    return "blank"


def _is_begun(hosts: Hosts) -> bool:
    try:
        record = asked(hosts, "record")
    except HostError:
        return False
    return bool(record) and not record["ended"]


def _silent(hosts: Hosts) -> bool:
    cluster = hosts.cluster
    one = replace(hosts.inventory, hosts=(hosts.inventory.first_manager,))
    found = unreachable(
        one, cluster.runner, hosts.files.ssh_config, cluster.clock, lambda _: None, _ANSWERS
    )
    return bool(found)


def refuse_living(manager: str, found: Found, *, force: bool) -> None:
    """Raises Refused where it is not lost."""
    if force or found not in ("lives", "stopped"):
        return
    if found == "stopped":
        raise Refused(
            f"{manager} is stopped, and not lost",
            where=manager,
            fix="start its instance; --force terminates it, and makes it anew from the backup",
        )
    raise Refused(
        f"{manager} lives, and manages the Swarm: nothing is to be recovered",
        where=manager,
        why="two managers with the same state, each by itself, would split the Swarm",
        fix="run `beeyard up`; --force terminates it, and makes it anew from the backup: what was "
        "changed since is lost",
    )
