"""The part of `up` that makes what is not there: what takes long goes on beside what need not wait.

The database takes minutes on AWS and half a minute in a rehearsal; the Swarm needs only the nodes,
and the applications' images only the Swarm.
"""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from beeyard.cloud import Outputs
from beeyard.cloud.names import await_records
from beeyard.cloud.terraform import Plan
from beeyard.config import ExternalRegistry
from beeyard.provision import Options, await_ssh
from beeyard.workflows.applications import hand_over
from beeyard.workflows.cloud import Cloud, summary
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts, open_hosts
from beeyard.workflows.rollout import Rollout, Where

#: How many waves of projects the nodes need: addresses, then the network and the nodes themselves.
_NODES = 2


def make(cluster: Cluster, cloud: Cloud, where: Where) -> tuple[Hosts, int]:
    """Apply what is to be applied and bring the hosts to it. Gives the number of changes."""
    with cluster.progress.phase("cloud: network and nodes") as phase:
        plans = cloud.apply(phase, cloud.waves[:_NODES])
        phase.result = summary(plans)
    with ThreadPoolExecutor(1) as pool:
        rest = pool.submit(_rest, cluster, cloud)
        hosts = reach(
            cluster, cloud.outputs([name for wave in cloud.waves[:_NODES] for name in wave])
        )
        fresh = not hosts.in_swarm()
        changes = swarm_of(cluster, hosts)
        with _images(cluster, hosts, where, wanted=fresh) as images:
            plans |= rest.result()
            hosts = open_hosts(cluster, cloud.outputs())
            await_names(cluster, hosts.outputs)
            changes += services_of(cluster, hosts)
            images.result()
    return hosts, changes + sum(len(plan.changes) for plan in plans.values())


def _rest(cluster: Cluster, cloud: Cloud) -> dict[str, Plan]:
    with cluster.progress.phase("cloud: files, database, records") as phase:
        plans = cloud.apply(phase, cloud.waves[_NODES:])
        phase.result = summary(plans)
    return plans


def reach(cluster: Cluster, outputs: Outputs) -> Hosts:
    """Wait until every node lets us in."""
    hosts = open_hosts(cluster, outputs)
    with cluster.progress.phase("nodes") as phase:
        await_ssh(hosts.inventory, cluster.runner, hosts.files.ssh_config, cluster.clock, phase.say)
        phase.result = f"{len(outputs.nodes)} answer"
    return hosts


def await_names(cluster: Cluster, outputs: Outputs) -> None:
    """Wait until the domain leads here; without a zone, say which records are to be made."""
    with cluster.progress.phase("names") as phase:
        await_records(outputs, cluster.clock, phase.say)
        phase.result = f"{outputs.domain} leads here"


def swarm_of(cluster: Cluster, hosts: Hosts) -> int:
    """Engine and Swarm on all nodes. Gives how many tasks changed something."""
    with cluster.progress.phase("hosts: swarm") as phase:
        return hosts.play(phase, "deploy_swarm", Options(mitogen=cluster.mitogen)).total


def services_of(cluster: Cluster, hosts: Hosts) -> int:
    """Shared files, infrastructure services, and what applications need."""
    with cluster.progress.phase("secrets") as phase:
        with hosts.swarm() as manager:
            snapshot = manager.snapshot()
        database = hosts.outputs.database
        handed = hand_over(cluster, snapshot, database.identifier if database else None)
        phase.result = f"{len(handed)} handed over"
    with cluster.progress.phase("hosts: files and services") as phase:
        tags = ("configure_efs", "deploy_infra", "provision_apps")
        options = Options(tags=tags, secrets=handed, mitogen=cluster.mitogen)
        return hosts.play(phase, "deploy", options).total


@contextmanager
def _images(
    cluster: Cluster, hosts: Hosts, where: Where, *, wanted: bool
) -> Iterator[Future[None]]:
    """Build the applications' images beside the rest; pushed they are when the registry is there.

    Only on a fresh cluster whose registry is its own: elsewhere the registry may have them.
    """

    def build() -> None:
        if not wanted or isinstance(cluster.spec.registry, ExternalRegistry):
            return
        with hosts.swarm() as manager, cluster.progress.phase("images of applications") as phase:
            for name in cluster.spec.applications:
                Rollout(cluster, hosts, manager, name).build_ahead(phase, where)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(build)
