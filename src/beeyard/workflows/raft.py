"""The Swarm's own state as a backup: taken after `up`, where it is not what the last one holds."""

import json
from collections.abc import Mapping
from typing import Any

from beeyard.backup import KINDS, Fact, Kind, Manifest
from beeyard.backup.node import PROGRAM
from beeyard.config.ssh_keys import key_of
from beeyard.errors import HostError
from beeyard.process import Command
from beeyard.workflows.backups import open_backups, readers
from beeyard.workflows.hosts import Hosts

KIND: Kind = "raft"
#: The fact of the files that the first manager alone has.
_ONLY_FIRST = "/etc/beeyard"


def keep_raft(hosts: Hosts) -> None:
    """Take a backup of the Swarm's state, if it is not the same as in the newest good one, or if
    others are to read it. All kinds are tidied: those that the schedule takes, nobody else would.

    In the foreground: it takes a second or two where something was changed, and then `up` ends only
    when what it made could be brought back; where nothing was, only a look. Raises BeeyardError.
    """
    backups = open_backups(hosts)
    with hosts.cluster.progress.phase("what the Swarm is") as phase:
        listing = backups.store.list()
        backups.tidy(KINDS, listing)
        last = listing.newest_good(KIND)
        if last is not None and is_as_in(hosts, last.manifest):
            phase.result = f"as in the backup {last.id}"
            return
        phase.result = "changed"
    backups.create((KIND,))


def is_as_in(hosts: Hosts, made: Manifest) -> bool:
    """Whether a backup taken now would hold the same, for the same readers. Raises BeeyardError."""
    if set(map(key_of, made.readers)) != set(map(key_of, readers(hosts.cluster))):
        return False
    then, now = dict(made.facts), dict(facts_of(hosts))
    if len(hosts.inventory.managers) > 1:
        # Taken from a manager that has none of it.
        for facts in (then, now):
            facts.pop(_ONLY_FIRST, None)
    return then == now


def facts_of(hosts: Hosts) -> Mapping[str, Fact]:
    """What the Swarm is, by its first manager: a digest of each thing. Raises HostError."""
    return {name: Fact(**fact) for name, fact in asked(hosts, "seen").items()}


def asked(hosts: Hosts, what: str, told: object = None) -> dict[str, Any]:
    """What the nodes' program says on the first manager, `told` this as JSON. Raises HostError."""
    argv = ["python3", "-I", f"{PROGRAM}/swarm.py", what]
    said = hosts.manager.run(
        Command(argv, input=json.dumps(told).encode(), timeout=120), check=False
    )
    if said.code != 0:
        raise HostError(
            "the manager does not say what its Swarm is",
            where=hosts.inventory.first_manager.name,
            why=said.tail(),
            fix="run `beeyard up`, which puts the program there",
        )
    found: dict[str, Any] = json.loads(said.stdout)
    return found
