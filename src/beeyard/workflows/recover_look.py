"""How it is with a Swarm's only manager: whether there is something to recover, and how far that
came where it was cut short."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from beeyard.cloud import Outputs
from beeyard.errors import HostError, Refused
from beeyard.process import Command, CommandTimeout
from beeyard.provision import Silent, unreachable
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.lost import ENGINE_STATE, GONE
from beeyard.workflows.raft import asked

#: Lost: `gone`: its instance is; `impaired`: it does not answer, and EC2's checks say why; `blank`:
#: it is in no Swarm. `cut`: putting its state back was cut short; `begun`: what follows was.
#: Not lost: `lives`: it manages; `silent`: it does not answer us, and may others; `locked` until it
#: is given its key; `down`: its engine is; `troubled`: its Swarm does not work; `stopped`.
Found = Literal[
    "gone", "impaired", "blank", "cut", "begun",
    "lives", "silent", "stopped", "locked", "down", "troubled",
]  # fmt: skip
#: Seconds in which a manager that is not lost lets us in.
_ANSWERS = 15.0
_IN_SWARM = ("docker", "info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.Error}}")

WORDS: Mapping[Found, str] = {
    "gone": "its machine is gone",
    "impaired": "its machine does not answer, and EC2's status checks fail",
    "silent": "its machine runs by EC2, and does not answer us",
    "blank": "its machine is in no Swarm",
    "cut": "it was being brought back, and that was cut short",
    "begun": "it was brought back, and what follows was cut short",
    "lives": "it manages the Swarm",
    "stopped": "its machine is stopped",
    "locked": "its Swarm is locked (autolock)",
    "down": "its engine does not run, and was in a Swarm",
    "troubled": "it is in a Swarm, and does not manage it",
}


@dataclass(frozen=True)
class Look:
    """How it is with a manager; `why` in words of others, as far as there are any.

    backup     where it was restored, or cut short at that: the backup's name; empty: not known
    different  what it had otherwise than that backup; None where they were not compared yet
    """

    found: Found
    why: str = ""
    backup: str = ""
    different: tuple[str, ...] | None = None

    def __str__(self) -> str:
        return f"{WORDS[self.found]}{f' ({self.why})' * bool(self.why)}"


def only_manager(outputs: Outputs) -> str:
    """Its name. Raises Refused where there are several."""
    if len(outputs.managers) != 1:
        raise Refused(
            f"there are {len(outputs.managers)} managers",
            why="what one of several knew, the others know: a Swarm is recovered that had one only",
            fix="run `beeyard up`",
        )
    return outputs.managers[0].name


def look(hosts: Hosts) -> Look:
    """How it is with the manager. Raises HostError where it answers, and is not taken for what it
    should be, or keeps us out."""
    cluster, (manager,) = hosts.cluster, hosts.outputs.managers
    state = cluster.aws.instance_states(hosts.outputs).get(manager.instance_id, "missing")
    if state in GONE:
        return Look("gone")
    if state != "running":
        return Look("stopped")
    try:
        why = _silent(hosts)
        seen = Look("silent", why) if why else _engine(hosts)
    except CommandTimeout as error:
        seen = Look("silent", error.what)
    if seen.found == "silent" and (failed := cluster.aws.failed_checks(manager.instance_id)):
        return Look("impaired", f"{', '.join(failed)}; {seen.why}")
    return seen


def _engine(hosts: Hosts) -> Look:
    """How it is with the engine of a manager that lets us in. Only what is surely in no Swarm is
    blank: whatever else it may have is not written over."""
    said = hosts.manager.run(Command(_IN_SWARM, timeout=60), check=False)
    if said.code:
        there = hosts.manager.run(Command(ENGINE_STATE, timeout=60), check=False)
        if there.code:
            return Look("silent", there.tail(1))
        return Look("down", said.tail(1)) if there.stdout.strip() else Look("blank")
    state, _, why = said.stdout.strip().partition(" ")
    if state == "active":
        return _restored(hosts)
    if state == "inactive":
        return Look("blank")
    if state == "locked":
        return Look("locked")
    return Look("troubled", f"{state}: {why}" if why else state)


def _restored(hosts: Hosts) -> Look:
    """How far a manager that is in a Swarm was restored, if it was."""
    try:
        record = asked(hosts, "record")
    except HostError:
        return Look("lives")
    if not record or record["ended"]:
        return Look("lives")
    different = record.get("different")
    return Look(
        "begun" if record["formed"] else "cut",
        backup=record.get("backup", ""),
        different=None if different is None else tuple(different),
    )


def _silent(hosts: Hosts) -> str:
    """Why it does not answer; empty where it does. Raises HostError where it keeps us out."""
    cluster = hosts.cluster
    one = replace(hosts.inventory, hosts=(hosts.inventory.first_manager,))
    found = unreachable(
        one, cluster.runner, hosts.files.ssh_config, cluster.clock, lambda _: None, _ANSWERS
    )
    for error in found.values():
        if not isinstance(error, Silent):
            raise error
        return error.why or error.what
    return ""


#: What is to be done where it is not lost; and `--force`, always.
_INSTEAD: Mapping[Found, str] = {
    "silent": "it may do its work: see that your own network lets you reach it, and what its "
    "console log says (aws ec2 get-console-output)",
    "stopped": "start its instance",
    "locked": "give it its key: beeyard ssh NODE sudo docker swarm unlock",
    "down": "start its engine: beeyard ssh NODE sudo systemctl start docker",
    "troubled": "see what keeps it: beeyard ssh NODE sudo journalctl -u docker",
}


def refuse_living(manager: str, seen: Look, *, force: bool) -> None:
    """Raises Refused where it is not lost."""
    if force or (seen.found != "lives" and seen.found not in _INSTEAD):
        return
    if seen.found != "lives":
        instead = _INSTEAD[seen.found].replace("NODE", manager)
        raise Refused(
            f"{manager} is not lost: {seen}",
            where=manager,
            why="what it holds is newer than any backup",
            fix=f"{instead}; --force terminates it, and makes it anew from the backup",
        )
    raise Refused(
        f"{manager} lives, and manages the Swarm: nothing is to be recovered",
        where=manager,
        why="two managers with the same state, each by itself, would split the Swarm",
        fix="run `beeyard up`; --force terminates it, and makes it anew from the backup: what was "
        "changed since is lost",
    )


def begun_with(
    manager: str, seen: Look, name: str | None, *, force: bool
) -> tuple[Look, str | None]:
    """What is gone on with, and the backup's name: where it was cut short, the one that it was
    begun with. With another one it is begun anew, if forced; else Refused is raised."""
    if not seen.backup or name in (None, seen.backup):
        return seen, seen.backup or name
    if force:
        return Look("lives"), name
    raise Refused(
        f"{manager} was given the state of another backup: {seen.backup}",
        where=manager,
        why=f"{seen}; now {name} was asked for",
        fix="leave out --backup, and it goes on; --force terminates it, and makes it anew from "
        f"{name}",
    )
