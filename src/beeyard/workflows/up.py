"""`up`: from the file to a running cluster, in the order of the stages."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from beeyard.apps import ProbeResult
from beeyard.cloud import Outputs
from beeyard.cloud.api import Account
from beeyard.cloud.nodes import PROJECT, Turnover, restarts, turnover
from beeyard.cloud.terraform import Plan
from beeyard.config import ClusterSpec
from beeyard.errors import BeeyardError, HostError
from beeyard.provision import Options
from beeyard.provision.facts import skipped
from beeyard.swarm import Manager
from beeyard.workflows.alone import alone
from beeyard.workflows.applications import missing_secrets
from beeyard.workflows.audit import keep_head
from beeyard.workflows.cloud import Cloud, open_cloud, summary
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.deploy import Deployer, Request
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.images import Where
from beeyard.workflows.lost import refuse_absent, refuse_orphans
from beeyard.workflows.make import (
    AT_ONCE,
    await_names,
    controller_image,
    infrastructure_of,
    make,
    reach,
    secrets_of,
    swarm_of,
)
from beeyard.workflows.nodes import rebalanced
from beeyard.workflows.operators import refuse_lockout
from beeyard.workflows.raft import keep_raft
from beeyard.workflows.turnover import (
    forget_ghosts,
    put_back,
    refuse_count,
    refuse_managers,
    turn_over,
)
from beeyard.workflows.verify import await_infrastructure, await_services, await_urls

#: Shows what would be made and where; raises Refused if the user does not want it.
Confirm = Callable[[str], None]


@dataclass(frozen=True)
class UpResult:
    """What `up` did. `changes` counts resources, tasks and services that were changed."""

    changes: int
    answers: Sequence[ProbeResult]
    skipped: dict[str, str]
    seconds: dict[str, float]


def up(
    cluster: Cluster, confirm: Confirm, where: Where = "manager", *, unlock: bool = False
) -> UpResult:
    """Bring the cluster to what its file says. Ends only when all of it runs and answers.

    unlock  remove the locks that a machine left behind which is gone for good
    """
    cloud, whole = _account(cluster, confirm)
    with alone(cluster, cloud, "up", unlock=unlock):
        return converge(cluster, cloud, confirm, where, whole=whole)


def converge(
    cluster: Cluster,
    cloud: Cloud,
    confirm: Confirm,
    where: Where = "manager",
    *,
    whole: bool = True,
) -> UpResult:
    """The same for whoever holds the cluster's lock. `whole`: every project has been applied
    before."""
    kept = _keep(cluster, cloud, confirm) if whole else _grown(cluster, cloud, confirm)
    if isinstance(kept, Turnover):
        turned = turn_over(cluster, cloud, kept)
        hosts, changes = make(cluster, cloud, where)
        changes += turned
    else:
        hosts, changes = kept
    left_out = skipped(hosts.manager)
    with hosts.swarm() as manager:
        seen = manager.snapshot()
        changes += forget_ghosts(cluster, hosts, manager, seen) + put_back(cluster, seen)
        with cluster.progress.phase("infrastructure") as phase:
            await_infrastructure(cluster, hosts.outputs, manager, left_out, phase)
        for name in cluster.spec.applications:
            done = Deployer(hosts, manager, name).deploy(Request(where))
            changes += len(done.plan.changed) if done.verdict else 0
        with cluster.progress.phase("services") as phase:
            snapshot = await_services(cluster, manager, phase, deadline=180.0)
            phase.result = f"{len(snapshot.services)} run"
        changes += len(rebalanced(cluster, manager))
        answers = _answers(cluster, hosts, manager, left_out)
    return UpResult(changes, answers, left_out, dict(cluster.progress.seconds))


def _answers(
    cluster: Cluster, hosts: Hosts, manager: Manager, left_out: Mapping[str, str]
) -> Sequence[ProbeResult]:
    """See that all addresses answer; beside it, what the Swarm knows now is kept, and the head of
    the audit log."""
    with ThreadPoolExecutor(2) as pool:
        keeping = [pool.submit(keep_raft, hosts)]
        if cluster.spec.runs_pipelines:
            keeping.append(pool.submit(_keep_audit_head, cluster, hosts))
        with cluster.progress.phase("addresses") as phase:
            answers = await_urls(cluster, hosts.outputs, left_out, manager, phase)
        for kept in keeping:
            kept.result()
    return answers


def _keep_audit_head(cluster: Cluster, hosts: Hosts) -> None:
    with cluster.progress.phase("audit log") as phase:
        try:
            phase.result = f"S3 holds the head of entry {keep_head(hosts).entries}"
        except BeeyardError as error:
            phase.result = f"no head was put into S3: {error.what}"


def _account(cluster: Cluster, confirm: Confirm) -> tuple[Cloud, bool]:
    """Who we are, and whether we may: nothing is made before somebody has said yes.

    Gives also whether every project has been applied before.
    """
    with cluster.progress.phase("account") as phase:
        cloud = open_cloud(cluster)
        refuse_lockout(cluster)
        missing = set(cloud.folders) - set(cloud.stateful())
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
    if missing:
        confirm(describe(cluster.spec, cloud.account))
    return cloud, not missing


def _grown(cluster: Cluster, cloud: Cloud, confirm: Confirm) -> Turnover:
    """Of a cluster that is not all there, what is to become of the nodes that are."""
    if PROJECT not in cloud.stateful():
        return Turnover()
    with cluster.progress.phase("cloud: nodes that are there") as phase:
        folder = cloud.folders[PROJECT]
        cloud.terraform.init(folder)
        plan = cloud.terraform.plan(folder)
        phase.result = str(plan)
    turn = _turnover(cluster, cloud, plan)
    if turn:
        confirm(describe_changes(cluster.spec, cloud.account, {PROJECT: plan}))
    return turn


def _turnover(cluster: Cluster, cloud: Cloud, plan: Plan) -> Turnover:
    """What becomes of nodes that are there. Raises Refused for what would cost a manager, and
    SwarmLost where the only one is gone."""
    turn, managers = turnover(plan), cloud.managers()
    refuse_absent(cluster, turn, managers, cloud.workers())
    refuse_managers(cluster, turn, managers)
    return turn


def _keep(cluster: Cluster, cloud: Cloud, confirm: Confirm) -> tuple[Hosts, int] | Turnover:
    """Plan projects that were all applied before, and beside it bring the hosts to what they should
    be. Where the cloud has to change, whatever the hosts said, it comes first, once `confirm` was
    shown how: then gives what becomes of nodes that are there.

    Else gives the hosts, and how many tasks changed something.
    """
    with ThreadPoolExecutor(1) as pool:
        planning = pool.submit(_plan, cluster, cloud)
        kept: tuple[Hosts, int] | BeeyardError
        try:
            outputs = cloud.outputs()
            refuse_count(cluster, [one.name for one in outputs.managers])
            kept = _hosts(cluster, outputs, planning)
        except BeeyardError as error:
            kept = error
        plans = planning.result()
    if _pending(plans):
        turn = _turnover(cluster, cloud, plans[PROJECT])
        confirm(describe_changes(cluster.spec, cloud.account, plans))
        return turn
    if isinstance(kept, BeeyardError):
        raise kept
    return kept


def _plan(cluster: Cluster, cloud: Cloud) -> dict[str, Plan]:
    with cluster.progress.phase("cloud") as phase:
        plans = cloud.plan(phase)
        phase.result = summary(plans)
    return plans


def _pending(plans: Mapping[str, Plan]) -> bool:
    """Whether a project would change anything."""
    return any(plan.pending for plan in plans.values())


def _hosts(
    cluster: Cluster, outputs: Outputs, planning: Future[dict[str, Plan]]
) -> tuple[Hosts, int]:
    """Bring hosts that should be there to what they should be: by one playbook, or in turns where
    the Swarm lacks secrets."""
    try:
        hosts = reach(cluster, outputs, deadline=AT_ONCE)
    except HostError:
        # Perhaps because it is to be replaced: only if not is it worth waiting for.
        if _pending(planning.result()):
            raise
        hosts = reach(cluster, outputs)
    await_names(cluster, outputs)
    if hosts.in_swarm():
        with hosts.swarm() as manager:
            missing = missing_secrets(cluster.spec, manager.snapshot())
        if cluster.spec.runs_pipelines:
            controller_image(hosts)
        if not missing:
            with cluster.progress.phase("hosts") as phase:
                return hosts, hosts.play(phase, "deploy", Options(mitogen=cluster.mitogen)).total
    else:
        refuse_orphans(hosts)
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


def describe_changes(spec: ClusterSpec, account: Account, plans: Mapping[str, Plan]) -> str:
    """What will be changed of a cluster that is there, each thing that is destroyed, and each node
    that is restarted, by its name."""
    lines = [f"account {account.id} ({account.arn}), region {spec.region}"]
    for project, plan in plans.items():
        if plan.pending:
            lines.append(f"{project}: {plan}")
            lines.extend(
                f"  {'restart' if restarts(change) else change.action} {change.address}"
                for change in plan.changes
                if change.action in ("replace", "delete") or restarts(change)
            )
    return "\n".join(lines)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
