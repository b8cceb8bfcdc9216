"""`up`: from the file to a running cluster, in the order of the stages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beeyard.apps import ProbeResult
from beeyard.cloud import Outputs
from beeyard.cloud.api import Account
from beeyard.cloud.names import await_records
from beeyard.cloud.terraform import Plan
from beeyard.config import ClusterSpec
from beeyard.provision import Options, await_ssh
from beeyard.provision.facts import skipped
from beeyard.swarm import Patience, Snapshot, await_converged
from beeyard.workflows.applications import hand_over, missing_secrets
from beeyard.workflows.cloud import open_cloud
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts, open_hosts
from beeyard.workflows.rollout import Rollout, Where
from beeyard.workflows.verify import await_urls

#: Shows what would be made and where; raises Refused if the user does not want it.
Confirm = Callable[[str], None]


@dataclass(frozen=True)
class UpResult:
    """What `up` did. `changes` counts resources, tasks and services that were changed."""

    changes: int
    answers: Sequence[ProbeResult]
    skipped: dict[str, str]
    seconds: dict[str, float]


def up(cluster: Cluster, confirm: Confirm, where: Where = "manager") -> UpResult:
    """Bring the cluster to what its file says. Ends only when all of it runs and answers."""
    outputs, changes = _cloud(cluster, confirm)
    hosts = _reach(cluster, outputs)
    changes += _provision(cluster, hosts)
    with hosts.swarm() as manager:
        for name in cluster.spec.applications:
            with cluster.progress.phase(f"deploy {name}") as phase:
                done = Rollout(cluster, hosts, manager, name).run(phase, where)
                changes += len(done.changes)
        with cluster.progress.phase("services") as phase:
            snapshot = await_converged(
                manager,
                patience=Patience(deadline=180.0),
                clock=cluster.clock,
                progress=lambda seen: phase.say(f"{seen.service}: {seen.note or 'runs'}"),
            )
            phase.result = f"{len(snapshot.services)} run"
    left_out = skipped(hosts.manager)
    with cluster.progress.phase("addresses") as phase:
        answers = await_urls(cluster, outputs, left_out, phase)
        phase.result = f"{len(answers)} answer over verified TLS"
    return UpResult(changes, answers, left_out, dict(cluster.progress.seconds))


def _cloud(cluster: Cluster, confirm: Confirm) -> tuple[Outputs, int]:
    with cluster.progress.phase("account") as phase:
        cloud = open_cloud(cluster)
        missing = set(cloud.folders) - set(cloud.stateful())
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
    if missing:
        confirm(describe(cluster.spec, cloud.account))
    with cluster.progress.phase("cloud") as phase:
        plans = cloud.converge(phase)
        outputs = cloud.outputs()
        changes = sum(len(plan.changes) for plan in plans.values())
        phase.result = _summary(plans)
    return outputs, changes


def _summary(plans: dict[str, Plan]) -> str:
    changed = [f"{project}: {plan}" for project, plan in plans.items() if plan.pending]
    return "; ".join(changed) or "no changes"


def _reach(cluster: Cluster, outputs: Outputs) -> Hosts:
    hosts = open_hosts(cluster, outputs)
    with cluster.progress.phase("nodes") as phase:
        await_ssh(hosts.inventory, cluster.runner, hosts.files.ssh_config, cluster.clock, phase.say)
        phase.result = f"{len(outputs.nodes)} answer"
    with cluster.progress.phase("names") as phase:
        await_records(outputs, cluster.clock, phase.say)
        phase.result = f"{outputs.domain} leads here"
    return hosts


def _provision(cluster: Cluster, hosts: Hosts) -> int:
    """All four playbooks: at once where the Swarm holds every secret already, else in two turns,
    since the applications' secrets need a database that can be reached and a Swarm to keep them."""
    mitogen = cluster.mitogen
    snapshot = _snapshot(hosts)
    if snapshot is not None and not missing_secrets(cluster.spec, snapshot):
        with cluster.progress.phase("hosts") as phase:
            return hosts.play(phase, "deploy", Options(mitogen=mitogen)).total
    total = 0
    with cluster.progress.phase("hosts") as phase:
        tags = ("deploy_swarm", "configure_efs", "deploy_infra")
        total += hosts.play(phase, "deploy", Options(tags=tags, mitogen=mitogen)).total
    with cluster.progress.phase("secrets and databases") as phase:
        database = hosts.outputs.database
        handed = hand_over(cluster, _snapshot(hosts), database.identifier if database else None)
        options = Options(secrets=handed, mitogen=mitogen)
        total += hosts.play(phase, "provision_apps", options).total
    return total


def _snapshot(hosts: Hosts) -> Snapshot | None:
    if not hosts.in_swarm():
        return None
    with hosts.swarm() as manager:
        return manager.snapshot()


def describe(spec: ClusterSpec, account: Account) -> str:
    """What will be made, where, in a few lines: for whoever has to say yes."""
    lines = [
        f"account {account.id} ({account.arn}), region {spec.region}",
        (
            f"{spec.managers.count} managers ({spec.managers.type}), "
            f"{spec.workers.count} workers ({spec.workers.type}), "
            f"in {len(spec.zones)} zones of a VPC {spec.vpc_cidr}"
        ),
        f"{spec.managers.count} elastic IPs, an encrypted EFS",
    ]
    if spec.workers.egress == "nat":
        lines.append("a NAT gateway in every zone")
    if spec.database:
        size = f"{spec.database.instance_class}, {spec.database.storage_gib} GiB"
        spread = "Multi-AZ" if spec.database.multi_az else "one zone"
        lines.append(f"a {spec.database.engine} database on RDS ({size}, {spread})")
    if spec.dns:
        lines.append(f"records for {spec.domain} and *.{spec.domain} in zone {spec.dns.zone}")
    return "\n".join(lines)
