"""The part of `up` that makes what is not there: what takes long goes on beside what need not wait.

The database takes minutes on AWS, half a minute in a rehearsal. The Swarm needs only the nodes, the
infrastructure services only the shared files besides, and the applications' images only the Swarm.
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from beeyard.apps import load_stack
from beeyard.cloud import Outputs
from beeyard.cloud.names import await_records
from beeyard.cloud.nodes import stopped as stopped_nodes
from beeyard.cloud.terraform import Plan
from beeyard.config import INFRASTRUCTURE, ClusterSpec, ExternalRegistry
from beeyard.errors import SwarmError
from beeyard.inventory import DATABASE_PASSWORD
from beeyard.provision import SSH_DEADLINE, Options, require_room
from beeyard.secret import Secret
from beeyard.swarm import Snapshot
from beeyard.workflows.applications import hand_over
from beeyard.workflows.cloud import NODES, Cloud, summary
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.consent import Consent
from beeyard.workflows.controller import have_image
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.images import Images, Where
from beeyard.workflows.lost import refuse_orphans
from beeyard.workflows.pins import meet
from beeyard.workflows.schedule import hosts_to_play, told

#: Seconds in which a node that was there before, and still is, lets us in.
AT_ONCE = 5.0


def make(cluster: Cluster, cloud: Cloud, consent: Consent, where: Where) -> tuple[Hosts, int]:
    """Apply what is to be applied and bring the hosts to it. Gives the number of changes."""
    nodes = [name for wave in cloud.waves[:NODES] for name in wave]
    with cluster.progress.phase("cloud: network and nodes") as phase:
        plans = cloud.apply(phase, cloud.waves[:NODES], consent)
        phase.result = summary(plans)
    with ThreadPoolExecutor(len(cloud.folders)) as pool:
        rest = {
            name: pool.submit(_project, cluster, cloud, consent, name)
            for name in cloud.folders
            if name not in nodes
        }
        outputs = cloud.outputs(nodes)
        changes = start_stopped(cluster, cloud, outputs)
        hosts = reach(cluster, cloud.outputs(nodes) if changes else outputs)
        fresh = not hosts.in_swarm()
        if fresh:
            refuse_orphans(hosts)
        changes += swarm_of(cluster, hosts)
        if not fresh:
            with hosts.swarm() as manager:
                stacks = unwanted(cluster.spec, manager.snapshot())
            consent.to_removals("infrastructure", stacks)
        with _images(cluster, hosts, where, wanted=fresh) as images, _runtime(hosts) as runtime:
            plans |= rest.pop("efs").result()
            outputs = cloud.outputs([*nodes, "efs"])
            hosts = hosts_to_play(cluster, outputs)
            changes += infrastructure_of(cluster, hosts)
            for project in rest.values():
                plans |= project.result()
            hosts = hosts_to_play(cluster, cloud.outputs())
            await_names(cluster, hosts.outputs)
            changes += secrets_of(cluster, hosts, throwaway=_is_new("database", plans))
            images.result()
            runtime.result()
    return hosts, changes + sum(len(plan.changes) for plan in plans.values())


def _project(cluster: Cluster, cloud: Cloud, consent: Consent, name: str) -> dict[str, Plan]:
    with cluster.progress.phase(f"cloud: {name}") as phase:
        plans = cloud.apply(phase, [[name]], consent)
        phase.result = summary(plans)
    return plans


def start_stopped(
    cluster: Cluster,
    cloud: Cloud,
    outputs: Outputs,
    when_nobody_plans: Callable[[], object] = lambda: None,
) -> int:
    """Start instances that somebody, or AWS for its maintenance, has stopped; gives how many. No
    plan of Terraform's shows them, but they may get other addresses: its state is brought up to
    date."""
    stopped = stopped_nodes(outputs, cluster.aws.instance_states(outputs))
    if stopped:
        with cluster.progress.phase("instances that are stopped") as phase:
            phase.say(", ".join(node.name for node in stopped))
            cluster.aws.start_instances([node.instance_id for node in stopped])
            when_nobody_plans()
            cloud.refresh()
            phase.result = f"{len(stopped)} started"
    return len(stopped)


def unwanted(spec: ClusterSpec, snapshot: Snapshot) -> tuple[str, ...]:
    """Stacks of infrastructure services that run and that the file does not name: the role
    `infra_stack` removes them. Pure."""
    run = {service.stack for service in snapshot.services}
    return tuple(name for name in INFRASTRUCTURE if name in run and name not in spec.infrastructure)


def reach(cluster: Cluster, outputs: Outputs, deadline: float = SSH_DEADLINE) -> Hosts:
    """Wait until every node lets us in, `deadline` seconds at most, and see that its disk has room.
    The host keys of those that are met for the first time are pinned, for all operators, and said.
    Raises HostError, also where one was pinned, and is lost."""
    hosts = hosts_to_play(cluster, outputs)
    with cluster.progress.phase("nodes") as phase:
        meet(hosts, phase, deadline)
        require_room(hosts.inventory, cluster.runner, hosts.files.ssh_config)
        phase.result = f"{len(outputs.nodes)} answer"
    # Anew: the controller is told of the keys that were pinned just now.
    return told(cluster, outputs)


def await_names(cluster: Cluster, outputs: Outputs) -> None:
    """Wait until the domain leads here; without a zone, say which records are to be made."""
    with cluster.progress.phase("names") as phase:
        await_records(outputs, cluster.clock, phase.say)
        phase.result = f"{outputs.domain} leads here"


def swarm_of(cluster: Cluster, hosts: Hosts) -> int:
    """Engine and Swarm on all nodes. Gives how many tasks changed something."""
    with cluster.progress.phase("hosts: swarm") as phase:
        return hosts.play(phase, "deploy_swarm", Options(mitogen=cluster.mitogen)).total


def infrastructure_of(cluster: Cluster, hosts: Hosts) -> int:
    """Shared files and infrastructure services. Gives how many tasks changed something."""
    with cluster.progress.phase("hosts: files and services") as phase:
        options = Options(tags=("configure_efs", "deploy_infra"), mitogen=cluster.mitogen)
        return hosts.play(phase, "deploy", options).total


def secrets_of(cluster: Cluster, hosts: Hosts, *, throwaway: bool = False) -> int:
    """What applications need: folders, databases and secrets. Gives how many tasks changed.

    With `throwaway`, the database still has the password that Terraform's state knows: where no
    application needs another, it gets one that nobody knows.
    """
    with cluster.progress.phase("secrets and databases") as phase:
        with hosts.swarm() as manager:
            snapshot = manager.snapshot()
        database = hosts.outputs.database
        handed = hand_over(cluster, snapshot, database.identifier if database else None)
        if throwaway and database and DATABASE_PASSWORD not in handed:
            cluster.aws.set_database_password(database.identifier, Secret.generate())
        options = Options(secrets=handed, mitogen=cluster.mitogen)
        return hosts.play(phase, "provision_apps", options).total


def _is_new(project: str, plans: Mapping[str, Plan]) -> bool:
    return project in plans and plans[project].count("create", "replace") > 0


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
            for name, application in cluster.spec.applications.items():
                stack = load_stack(application.stack_file(cluster.base))
                Images(cluster, hosts, manager, name).build_ahead(phase, stack, where)

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(build)


@contextmanager
def _runtime(hosts: Hosts) -> Iterator[Future[bool]]:
    """Have the controller's image on its nodes, beside the rest."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(controller_image, hosts)


def controller_image(hosts: Hosts, *, engines: bool = True) -> bool:
    """Have the controller's image on its nodes, where there is to be a controller.

    engines  all of them were seen to have one that runs, so that it is a SwarmError if one does not
             answer; else False is given for it
    """
    if not hosts.cluster.spec.runs_pipelines:
        return True
    with hosts.cluster.progress.phase("image of the controller") as phase:
        try:
            made = have_image(hosts, phase)
        except SwarmError as error:
            if engines:
                raise
            phase.result = f"not yet: {error.what}"
            return False
        phase.result = f"made on {made} nodes" if made else "there"
    return True
