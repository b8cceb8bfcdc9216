"""`up`: from the file to a running cluster, in the order of the stages."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from beeyard.apps import ProbeResult
from beeyard.cloud.api import Account
from beeyard.cloud.terraform import Plan
from beeyard.config import ClusterSpec
from beeyard.provision import Options
from beeyard.provision.facts import skipped
from beeyard.swarm import Patience, await_converged
from beeyard.workflows.applications import missing_secrets
from beeyard.workflows.cloud import Cloud, open_cloud, summary
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.make import (
    await_names,
    infrastructure_of,
    make,
    reach,
    secrets_of,
    swarm_of,
)
from beeyard.workflows.rollout import Rollout, Where
from beeyard.workflows.verify import await_infrastructure, await_urls

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
    cloud = _account(cluster, confirm)
    plans = _plans(cluster, cloud)
    if plans is None or any(plan.pending for plan in plans.values()):
        hosts, changes = make(cluster, cloud, where)
    else:
        hosts, changes = _keep(cluster, cloud)
    left_out = skipped(hosts.manager)
    with hosts.swarm() as manager:
        with cluster.progress.phase("infrastructure") as phase:
            await_infrastructure(cluster, hosts.outputs, manager, left_out, phase)
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
    with cluster.progress.phase("addresses") as phase:
        answers = await_urls(cluster, hosts.outputs, left_out, phase)
        phase.result = f"{len(answers)} answer over verified TLS"
    return UpResult(changes, answers, left_out, dict(cluster.progress.seconds))


def _account(cluster: Cluster, confirm: Confirm) -> Cloud:
    """Who we are, and whether we may: nothing is made before somebody has said yes."""
    with cluster.progress.phase("account") as phase:
        cloud = open_cloud(cluster)
        missing = set(cloud.folders) - set(cloud.stateful())
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
    if missing:
        confirm(describe(cluster.spec, cloud.account))
    return cloud


def _plans(cluster: Cluster, cloud: Cloud) -> dict[str, Plan] | None:
    """What every project would change; None where one was never applied, so can't be planned."""
    if set(cloud.stateful()) != set(cloud.folders):
        return None
    with cluster.progress.phase("cloud") as phase:
        plans = cloud.plan(phase)
        phase.result = summary(plans)
    return plans


def _keep(cluster: Cluster, cloud: Cloud) -> tuple[Hosts, int]:
    """The cloud is as it should be: the hosts are brought to it by one playbook, or two where the
    Swarm lacks secrets. Gives how many tasks changed something."""
    hosts = reach(cluster, cloud.outputs())
    await_names(cluster, hosts.outputs)
    if hosts.in_swarm():
        with hosts.swarm() as manager:
            missing = missing_secrets(cluster.spec, manager.snapshot())
        if not missing:
            with cluster.progress.phase("hosts") as phase:
                return hosts, hosts.play(phase, "deploy", Options(mitogen=cluster.mitogen)).total
    changes = swarm_of(cluster, hosts) + infrastructure_of(cluster, hosts)
    return hosts, changes + secrets_of(cluster, hosts)


def describe(spec: ClusterSpec, account: Account) -> str:
    """What will be made, where, in a few lines: for whoever has to say yes."""
    lines = [
        f"account {account.id} ({account.arn}), region {spec.region}",
        (
            f"{_many(spec.managers.count, 'manager')} ({spec.managers.type}), "
            f"{_many(spec.workers.count, 'worker')} ({spec.workers.type}), "
            f"in {len(spec.zones)} zones of a VPC {spec.vpc_cidr}"
        ),
        f"{_many(spec.managers.count, 'elastic IP')}, an encrypted EFS",
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


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
