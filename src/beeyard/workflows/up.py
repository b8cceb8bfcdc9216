"""`up`: from the file to a running cluster, in the order of the stages."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from beeyard.apps import ProbeResult
from beeyard.cloud import Outputs
from beeyard.cloud.nodes import PROJECT, Turnover, turnover
from beeyard.cloud.terraform import Plan
from beeyard.config import nodes
from beeyard.errors import BeeyardError, HostError
from beeyard.provision import Options
from beeyard.provision.facts import skipped
from beeyard.swarm import Manager
from beeyard.workflows.alone import alone
from beeyard.workflows.applications import missing_secrets
from beeyard.workflows.audit import keep_head
from beeyard.workflows.cloud import Cloud, open_cloud, summary
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.coming_back import bring_back
from beeyard.workflows.consent import Consent, describe
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
    start_stopped,
    swarm_of,
    unwanted,
)
from beeyard.workflows.nodes import rebalanced
from beeyard.workflows.operators import refuse_lockout
from beeyard.workflows.raft import keep_raft
from beeyard.workflows.turnover import (
    absent_members,
    forget_ghosts,
    put_back,
    refuse_count,
    refuse_managers,
    turn_over,
)
from beeyard.workflows.verify import await_infrastructure, await_services, await_urls


@dataclass(frozen=True)
class UpResult:
    """What `up` did. `changes` counts resources, tasks and services that were changed."""

    changes: int
    answers: Sequence[ProbeResult]
    skipped: dict[str, str]
    seconds: dict[str, float]


def up(
    cluster: Cluster, consent: Consent, where: Where = "manager", *, unlock: bool = False
) -> UpResult:
    """Bring the cluster to what its file says. Ends only when all of it runs and answers.

    unlock  remove the locks that a machine left behind which is gone for good
    """
    cloud, whole = _account(cluster, consent)
    with alone(cluster, cloud, "up", unlock=unlock):
        return converge(cluster, cloud, consent, where, whole=whole)


def converge(
    cluster: Cluster,
    cloud: Cloud,
    consent: Consent,
    where: Where = "manager",
    *,
    whole: bool = True,
) -> UpResult:
    """The same for whoever holds the cluster's lock. `whole`: every project has been applied
    before."""
    kept = _keep(cluster, cloud, consent) if whole else _grown(cluster, cloud, consent)
    if isinstance(kept, Turnover):
        turned = turn_over(cluster, cloud, kept)
        hosts, changes = make(cluster, cloud, consent, where)
        changes += turned
    else:
        hosts, changes = kept
    left_out = skipped(hosts.manager)
    with hosts.swarm() as manager:
        seen = manager.snapshot()
        changes += bring_back(cluster, hosts, absent_members(hosts.outputs.nodes, seen))
        changes += forget_ghosts(cluster, hosts, manager, seen) + put_back(cluster, seen)
        with cluster.progress.phase("infrastructure") as phase:
            await_infrastructure(cluster, hosts.outputs, manager, left_out, phase)
        for name in cluster.spec.applications:
            removing = partial(consent.to_removals, name)
            done = Deployer(hosts, manager, name).deploy(Request(where, removing=removing))
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


def _account(cluster: Cluster, consent: Consent) -> tuple[Cloud, bool]:
    """Who we are, and whether we may: nothing is made before somebody has said yes.

    Gives also whether every project has been applied before.
    """
    with cluster.progress.phase("account") as phase:
        cloud = open_cloud(cluster)
        refuse_lockout(cluster)
        missing = set(cloud.folders) - set(cloud.stateful())
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
    if missing:
        consent.make(describe(cluster.spec, cloud.account))
    return cloud, not missing


def _grown(cluster: Cluster, cloud: Cloud, consent: Consent) -> Turnover:
    """Of a cluster that is not all there, what is to become of the nodes that are."""
    there = cloud.stateful()
    if not there:
        return Turnover()
    with cluster.progress.phase("cloud: what is there") as phase:
        plans = cloud.plan(phase, there)
        phase.result = summary(plans)
    turn = _turnover(cluster, cloud, plans[PROJECT]) if PROJECT in plans else Turnover()
    consent.to_losses(plans)
    return turn


def _turnover(cluster: Cluster, cloud: Cloud, plan: Plan) -> Turnover:
    """What becomes of nodes that are there. Raises Refused for what would cost a manager, and
    SwarmLost where the only one is gone."""
    turn, managers = turnover(plan), cloud.managers()
    refuse_absent(cluster, turn, managers, cloud.workers())
    refuse_managers(cluster, turn, managers)
    return turn


def _keep(cluster: Cluster, cloud: Cloud, consent: Consent) -> tuple[Hosts, int] | Turnover:
    """Plan projects that were all applied before, and beside it bring the hosts to what they should
    be. Where the cloud has to change, whatever the hosts said, it comes first, with `consent`: then
    gives what becomes of nodes that are there.

    Else gives the hosts, and how many tasks changed something.
    """
    with ThreadPoolExecutor(1) as pool:
        planning = pool.submit(_plan, cluster, cloud)
        kept: tuple[Hosts, int] | Turnover | BeeyardError = Turnover()
        try:
            outputs = cloud.outputs()
            refuse_count(cluster, [one.name for one in outputs.managers])
            as_many = {one.name for one in outputs.nodes} == set(nodes(cluster.spec))
            # Where nodes come or go, their playbook would only be waited for: it runs with them.
            if as_many or not _pending(planning.result()):
                kept = _hosts(cluster, cloud, outputs, consent, planning)
        except BeeyardError as error:
            kept = error
        plans = planning.result()
    if _pending(plans):
        turn = _turnover(cluster, cloud, plans[PROJECT])
        consent.to_plans(cluster.spec, cloud.account, plans)
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
    cluster: Cluster,
    cloud: Cloud,
    outputs: Outputs,
    consent: Consent,
    planning: Future[dict[str, Plan]],
) -> tuple[Hosts, int]:
    """Bring hosts that should be there to what they should be: by one playbook, or in turns where
    the Swarm lacks secrets, or a node its engine."""
    changes = 0
    try:
        hosts = reach(cluster, outputs, deadline=AT_ONCE)
    except HostError:
        # Perhaps because it was stopped, or is to be replaced: only if not is it worth waiting for.
        changes = start_stopped(cluster, cloud, outputs, planning.result)
        if _pending(planning.result()):
            raise
        hosts = reach(cluster, cloud.outputs() if changes else outputs)
    outputs = hosts.outputs
    await_names(cluster, outputs)
    if hosts.in_swarm():
        with hosts.swarm() as manager:
            snapshot = manager.snapshot()
        consent.to_removals("infrastructure", unwanted(cluster.spec, snapshot))
        # The last `up` may have ended before each had an engine. The Swarm is no witness: it calls
        # a node ready for seconds after its engine has stopped.
        if not missing_secrets(cluster.spec, snapshot) and controller_image(hosts, engines=False):
            with cluster.progress.phase("hosts") as phase:
                done = hosts.play(phase, "deploy", Options(mitogen=cluster.mitogen))
            return hosts, changes + done.total
    else:
        refuse_orphans(hosts)
    changes += swarm_of(cluster, hosts)
    controller_image(hosts)
    changes += infrastructure_of(cluster, hosts)
    return hosts, changes + secrets_of(cluster, hosts)
