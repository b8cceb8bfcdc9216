"""`recover`: a Swarm whose only manager is lost, brought back from a backup of its state.

The new machine has the old one's name and private address, and is given its Raft state with the
node's certificates: so it is the old manager to its workers, which come back by themselves. Each
step looks first how far an earlier run came, so one that was killed is run again.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from beeyard.backup import Backup, Proof, Store
from beeyard.backup.compare import differences
from beeyard.backup.node import Node
from beeyard.cloud.nodes import address_of, addresses_of
from beeyard.errors import Refused
from beeyard.provision import Options
from beeyard.secret import Secret
from beeyard.waiting import Timeout, wait_until
from beeyard.workflows.alone import alone
from beeyard.workflows.backups import Reader, open_backups
from beeyard.workflows.cloud import Cloud, open_cloud
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.consent import Consent
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.operators import refuse_lockout
from beeyard.workflows.pins import meet
from beeyard.workflows.raft import KIND, asked, facts_of
from beeyard.workflows.recover_look import (
    Found,
    Look,
    begun_with,
    look,
    only_manager,
    refuse_living,
)
from beeyard.workflows.schedule import hosts_to_play
from beeyard.workflows.up import UpResult, converge

Confirm = Callable[[str], None]
#: Seconds in which workers find a manager that came back.
_WORKERS = 90.0
_PREPARED = ("engine", "configure_efs", "configure_backups")


@dataclass(frozen=True)
class Recovered:
    """What came of it. Times in seconds.

    rpo        how old the state was that the manager was given, when it was looked for
    rto        from the yes until the whole cluster ran and answered
    different  what the Swarm that came back had otherwise than the backup: nothing, if all is well
    since      what `up` changed of it afterwards: the manager's new host key in what the controller
               is told, workers made anew, stacks that the file has now
    """

    manager: str
    backup: str
    taken_at: datetime
    rpo: float
    rto: float
    different: tuple[str, ...]
    since: tuple[str, ...]
    things: int
    up: UpResult


def recover(
    cluster: Cluster,
    confirm: Confirm,
    reader: Reader,
    *,
    name: str | None = None,
    force: bool = False,
) -> Recovered:
    """Bring the Swarm back; ends only when all of the cluster runs and answers.

    name   the backup; None: the newest that is good, or the one that it was begun with
    force  also where the manager lives, or was given the state of another backup by an earlier
           run: it is terminated, and what it knew since then is lost

    Raises Refused where nothing is lost, CloudError where there is no such backup or the key does
    not open it.
    """
    refuse_lockout(cluster)
    with cluster.progress.phase("what is lost") as phase:
        cloud = open_cloud(cluster)
        hosts = hosts_to_play(cluster, cloud.outputs())
        manager = only_manager(hosts.outputs)
        seen = look(hosts)
        phase.result = f"{manager}: {seen}"
    refuse_living(manager, seen, force=force)
    before, (seen, name) = seen, begun_with(manager, seen, name, force=force)
    backups = open_backups(hosts)
    backup = backups.store.find(KIND, name)
    # Before anything is touched: the key opens it.
    url, identity = backups.open(backup, reader)
    age = datetime.now(UTC) - backup.manifest.taken_at
    confirm(_asked_for(manager, seen, backup))
    began = cluster.clock.monotonic()
    with alone(cluster, cloud, "recover"):
        hosts, found = _as_it_was(cluster, cloud, before), seen.found
        if found == "begun":
            different = _compared(hosts, backup, seen)
        else:
            if found not in ("blank", "cut"):
                hosts = _make_anew(cluster, cloud, manager, found)
            _prepare(hosts)
            different = _restore(hosts, backups.store, backup, url, identity)
        _await_workers(hosts)
        done = converge(cluster, cloud, Consent.by(confirm))
        since = differences(backup.manifest.facts, facts_of(hosts))
        asked(hosts, "ended")
    rto = cluster.clock.monotonic() - began
    made = backup.manifest
    return Recovered(
        manager, backup.id, made.taken_at, age.total_seconds(), rto, different, since,
        len(made.facts), done,
    )  # fmt: skip


def _asked_for(manager: str, seen: Look, backup: Backup) -> str:
    """What will be done, for whoever has to say yes."""
    if seen.found in ("cut", "begun"):
        return f"{manager}: {seen} (backup {backup.id}). It goes on where it was cut short"
    taken = backup.manifest.taken_at
    terminated = "terminated and " * (seen.found != "gone")
    what = "given" if seen.found == "blank" else f"{terminated}made anew, and given"
    return (
        f"{manager}: {seen}. It is {what} the state of the Swarm of "
        f"{taken:%Y-%m-%d %H:%M:%S} UTC (backup {backup.id}, {_age(datetime.now(UTC) - taken)} "
        "old). What was deployed or changed since then is lost"
    )


def _age(age: timedelta) -> str:
    """Two units are enough: `3 h 12 min`."""
    minutes = int(age.total_seconds()) // 60
    days, hours = divmod(minutes // 60, 24)
    parts = [(days, "d"), (hours, "h"), (minutes % 60, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "less than a minute"


def _make_anew(cluster: Cluster, cloud: Cloud, manager: str, found: Found) -> Hosts:
    """Another machine in the manager's place; the old one, if it is there, is terminated before.

    One that is gone Terraform misses by itself, unless a run that was killed has made another
    already, of which the outputs know nothing yet.
    """
    address = "" if found == "gone" else address_of(manager)
    cloud.apply_only(manager, addresses_of(manager), address)
    return hosts_to_play(cluster, cloud.outputs())


def _prepare(hosts: Hosts) -> None:
    """The engine, the nodes' programs and the shared files, and no Swarm yet."""
    cluster = hosts.cluster
    first = hosts.inventory.first_manager
    with cluster.progress.phase(f"{first.name} boots") as phase:
        meet(replace(hosts, inventory=replace(hosts.inventory, hosts=(first,))), phase)
        phase.result = "it answers"
    with cluster.progress.phase(f"{first.name}: engine and files") as phase:
        options = Options(tags=_PREPARED, hosts=[first.name], mitogen=cluster.mitogen)
        hosts.play(phase, "deploy", options)


def _as_it_was(cluster: Cluster, cloud: Cloud, seen: Look) -> Hosts:
    """Look again once nobody else can change it. Raises Refused where somebody was faster."""
    hosts = hosts_to_play(cluster, cloud.outputs())
    now = look(hosts)
    if now.found != seen.found:
        manager = hosts.inventory.first_manager.name
        raise Refused(
            f"{manager} is not any more as it was a moment ago",
            where=manager,
            why=f"then: {seen}; now: {now}",
            fix="run `beeyard recover` again",
        )
    return hosts


def _restore(
    hosts: Hosts, store: Store, backup: Backup, url: str, identity: Secret
) -> tuple[str, ...]:
    """Give the manager what the backup holds; gives what differs then. It is noted with the
    backup."""
    name, clock = hosts.inventory.first_manager.name, hosts.cluster.clock
    began = clock.monotonic()
    with hosts.cluster.progress.phase("state is put back") as phase:
        node = Node(hosts.manager, name, phase.say)
        facts = node.use("restore", backup.manifest, {"backup": backup.id}, url, identity)
        found = differences(backup.manifest.facts, facts)
        asked(hosts, "compared", found)
        phase.result = f"{len(found)} differ" if found else f"{len(facts)} things as they were"
    store.prove(backup, Proof(datetime.now(UTC), "restore", clock.monotonic() - began, found))
    return found


def _compared(hosts: Hosts, backup: Backup, seen: Look) -> tuple[str, ...]:
    """What a Swarm that an earlier run put back had otherwise. If that run did not come to compare
    them, nothing was done to it since."""
    if seen.different is not None:
        return seen.different
    found = differences(backup.manifest.facts, facts_of(hosts))
    asked(hosts, "compared", found)
    return found


def _await_workers(hosts: Hosts) -> None:
    """Wait until the workers have found the manager; those that do not are for `up`."""
    cluster = hosts.cluster
    wanted = {host.name for host in hosts.inventory.hosts}
    with cluster.progress.phase("workers come back") as phase, hosts.swarm() as manager:

        def missing() -> set[str]:
            nodes = manager.snapshot().nodes
            return wanted - {node.name for node in nodes if node.state == "ready"}

        try:
            wait_until(lambda: not missing(), clock=cluster.clock, deadline=_WORKERS)
            phase.result = "all of them"
        except Timeout:
            phase.result = f"without {', '.join(sorted(missing()))}"
