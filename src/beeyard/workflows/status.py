"""`status`: cloud, nodes, services, certificates, URLs, as data for one screen or `--json`."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from beeyard.apps import ProbeResult, answered
from beeyard.cloud import Outputs
from beeyard.errors import BeeyardError, HostError, SwarmError
from beeyard.process import Command, CommandTimeout, Runner
from beeyard.provision.facts import skipped
from beeyard.swarm import Service, Snapshot
from beeyard.workflows.backup_overview import age
from beeyard.workflows.backup_parts import parts_of
from beeyard.workflows.backups import store_of
from beeyard.workflows.cloud import read_outputs
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts, open_hosts
from beeyard.workflows.lost import RECOVER, SwarmLost, absent, lost_manager
from beeyard.workflows.pins import fetch
from beeyard.workflows.progress import Phase
from beeyard.workflows.verify import probe_urls

_SCHEDULE = "beeyard-backup.service"


@dataclass(frozen=True)
class NodeStatus:
    """A node. `state` is `ready`, or what is wrong with it: the instance's state in the cloud where
    that is not `running`, else the Swarm's word for it, else `not in the swarm`; `unknown` where
    the Swarm could not be asked."""

    name: str
    role: str
    zone: str
    address: str
    instance_type: str
    state: str


@dataclass(frozen=True)
class ServiceStatus:
    """A service: how many replicas run and are wanted, and where they run."""

    name: str
    running: int
    wanted: int
    nodes: tuple[str, ...]


@dataclass(frozen=True)
class UrlStatus:
    """A URL at one way in: whether it answers over verified TLS, and its certificate.

    `listening` is False where nothing takes connections: a manager that Traefik does not run on.
    """

    url: str
    address: str
    ok: bool
    listening: bool
    answer: str
    issuer: str | None
    expires: str | None


@dataclass(frozen=True)
class BackupStatus:
    """The newest good backup of a kind (`id` None: there is none), the seconds that its data is
    old, and whether the schedule should have made a newer one."""

    kind: str
    id: str | None
    age: float | None
    late: bool


@dataclass(frozen=True)
class Status:
    """What `beeyard status` shows. Documented in docs/status.md.

    `problem`: why the Swarm could not be asked, or not for all of it; None where it was.
    `schedule`: what the last run of the backups' schedule came to where it failed, or was not seen.
    """

    name: str
    domain: str
    region: str
    world: str
    database: str | None
    file_system: str | None
    nodes: tuple[NodeStatus, ...]
    services: tuple[ServiceStatus, ...]
    urls: tuple[UrlStatus, ...]
    skipped: Mapping[str, str]
    problem: str | None
    backups: tuple[BackupStatus, ...] = ()
    schedule: str | None = None

    @property
    def ok(self) -> bool:
        """Whether all of it is as it should be."""
        return (
            self.problem is None
            and all(node.state == "ready" for node in self.nodes)
            and all(service.running == service.wanted for service in self.services)
            and all(
                answered([one for one in self.urls if one.url == url])
                for url in {one.url for one in self.urls}
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """The status for `--json`."""
        return {"ok": self.ok, **asdict(self)}


def status(cluster: Cluster) -> Status:
    """Look at everything; changes nothing. Raises CloudError where there is no cluster.

    A Swarm that can't be asked is part of what is seen: cloud and URLs are looked at all the same.
    """
    with cluster.progress.phase("look at the cloud") as phase:
        outputs = read_outputs(cluster)
        instances = cluster.aws.instance_states(outputs)
        phase.result = f"{len(outputs.nodes)} instances"
    with cluster.progress.phase("look at the swarm") as phase:
        snapshot, left_out, problem = None, dict[str, str](), None
        schedule: str | None = None
        try:
            if lost := lost_manager(outputs, instances):
                raise absent(lost)
            fetch(cluster, outputs)
            hosts = open_hosts(cluster, outputs)
            with hosts.swarm() as manager:
                snapshot = manager.snapshot()
            left_out = skipped(hosts.manager)
            schedule = failed_schedule(hosts.manager) if cluster.spec.backups.times else None
            phase.result = f"{len(snapshot.services)} services"
        except SwarmLost as error:
            problem = f"{error.what}: {RECOVER}"
            phase.result = problem
        except (SwarmError, HostError, CommandTimeout) as error:
            problem = _in_words(error)
            phase.result = problem
    with cluster.progress.phase("look at the backups") as phase:
        backups = newest(cluster, phase)
    with cluster.progress.phase("ask the URLs") as phase:
        answers = probe_urls(cluster, outputs, left_out)
        phase.result = f"{sum(answer.ok for answer in answers)} of {len(answers)} answer"
    seen = assemble(cluster, outputs, instances, snapshot, answers, left_out, problem)
    return replace(seen, backups=backups, schedule=schedule)


def newest(cluster: Cluster, phase: Phase) -> tuple[BackupStatus, ...]:
    """The newest good backup of each kind that the cluster has. None of it where S3 refuses."""
    try:
        store, now = store_of(cluster), datetime.now(UTC)
        found = [
            age(cluster.spec, part.kind, store.newest_good(part.kind), (), now)
            for part in parts_of(cluster.spec)
        ]
    except BeeyardError as error:
        phase.result = _in_words(error)
        return ()
    phase.result = f"{sum(one.late for one in found)} are late"
    return tuple(BackupStatus(one.kind, one.id, one.rpo, one.late) for one in found)


def failed_schedule(manager: Runner) -> str | None:
    """What the last run of the schedule came to, by systemd on the first manager; None: all went
    well, or there was none since it is on."""
    argv = ["systemctl", "show", "--property=Result", "--value", _SCHEDULE]
    said = manager.run(Command(argv, timeout=30), check=False)
    result = said.stdout.strip()
    if said.code:
        return f"it was not seen: {said.tail()}"
    return None if result == "success" else f"its last run failed ({result})"


def assemble(
    cluster: Cluster,
    outputs: Outputs,
    instances: Mapping[str, str],
    snapshot: Snapshot | None,
    answers: Sequence[ProbeResult],
    left_out: Mapping[str, str],
    problem: str | None = None,
) -> Status:
    """Put together what was seen. Pure."""
    return Status(
        name=outputs.name,
        domain=outputs.domain,
        region=outputs.region,
        world=cluster.target.world,
        database=outputs.database.address if outputs.database else None,
        file_system=outputs.shared_files.file_system_id if outputs.shared_files else None,
        nodes=_nodes(outputs, instances, snapshot),
        services=tuple(_service(service) for service in snapshot.services) if snapshot else (),
        urls=tuple(_url(answer) for answer in answers),
        skipped=left_out,
        problem=problem,
    )


def _nodes(
    outputs: Outputs, instances: Mapping[str, str], snapshot: Snapshot | None
) -> tuple[NodeStatus, ...]:
    members = {node.name: node.state for node in snapshot.nodes} if snapshot else {}
    otherwise = "not in the swarm" if snapshot else "unknown"

    def state(name: str, instance_id: str) -> str:
        instance = instances.get(instance_id, "missing")
        return members.get(name, otherwise) if instance == "running" else instance

    return tuple(
        NodeStatus(
            name=node.name,
            role=node.role,
            zone=node.zone,
            address=node.private_ip,
            instance_type=node.instance_type,
            state=state(node.name, node.instance_id),
        )
        for node in outputs.nodes
    )


def _service(service: Service) -> ServiceStatus:
    return ServiceStatus(service.name, len(service.running), service.wanted, service.nodes)


def _url(answer: ProbeResult) -> UrlStatus:
    return UrlStatus(
        url=answer.url,
        address=answer.address,
        ok=answer.ok,
        listening=answer.listening,
        answer=answer.problem or f"{answer.status}{' maintenance' * answer.maintenance}",
        issuer=answer.certificate.issuer if answer.certificate else None,
        expires=answer.certificate.expires.isoformat() if answer.certificate else None,
    )


def _in_words(error: BeeyardError) -> str:
    """What happened, with the last line of why."""
    return ": ".join([error.what, *(error.why or "").strip().splitlines()[-1:]])


def hosts_of(cluster: Cluster) -> Hosts:
    """The hosts of a cluster that exists. For playbooks, see `hosts_to_play`.

    Raises CloudError where there is none, HostError where it is not sure that they are the hosts.
    """
    outputs = read_outputs(cluster)
    fetch(cluster, outputs)
    return open_hosts(cluster, outputs)
