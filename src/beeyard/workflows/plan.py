"""`plan`: what `up` would change, in all three layers at once, with nothing changed.

It holds no lock, neither the cluster's nor Terraform's, and lays Terraform's projects out in
folders of its own: whoever changes the cluster meanwhile is not disturbed.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from beeyard.cloud import Outputs, cluster_lock
from beeyard.cloud.api import in_words
from beeyard.cloud.nodes import stopped as stopped_nodes
from beeyard.config import nodes
from beeyard.errors import BeeyardError, HostError
from beeyard.provision import Converged, Options, unreachable
from beeyard.workflows.applications import missing_secrets
from beeyard.workflows.cloud import Cloud, open_cloud
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.consent import describe
from beeyard.workflows.controller import lacking_image
from beeyard.workflows.deploy import Deployer, Foreseen
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.lost import RECOVER, absent, lost_manager
from beeyard.workflows.make import AT_ONCE
from beeyard.workflows.plan_report import (
    ClusterPlan,
    Layer,
    Remark,
    cloud_layer,
    hosts_layer,
    swarm_layer,
    unseen_layer,
)
from beeyard.workflows.schedule import hosts_to_play

T = TypeVar("T")


def plan(cluster: Cluster) -> ClusterPlan:
    """Look at everything, and change nothing. What can't be looked at is part of the plan.

    Raises CloudError where the cloud does not say who we are, and ConfigError where the file no
    longer describes what the cluster has.
    """
    with cluster.progress.phase("account") as phase:
        cloud = open_cloud(cluster, aside=True)
        cloud.lay_out()
        applied = cloud.stateful()
        missing = tuple(name for name in cloud.folders if name not in applied)
        holder = _holder(cloud)
        phase.result = f"{cloud.account.id} in {cluster.spec.region}"
        if holder:
            phase.say(f"being changed right now: {holder}")
    with ThreadPoolExecutor(2) as pool:
        outputs = _seen(cloud.outputs)
        states = _states(cluster, outputs)
        planning = pool.submit(_cloud, cloud, applied, missing, _stopped(outputs, states))
        if isinstance(outputs, BeeyardError):
            rest = (
                unseen_layer("hosts", "all nodes", outputs),
                unseen_layer("swarm", "all nodes", outputs),
            )
        else:
            rest = _inside(cluster, outputs, states, pool)
        layers = (planning.result(), *rest)
    return ClusterPlan(
        name=cluster.spec.name,
        region=cluster.spec.region,
        world=cluster.target.world,
        holder=holder,
        to_make=describe(cluster.spec, cloud.account) if missing else "",
        layers=layers,
    )


def _states(cluster: Cluster, outputs: Outputs | BeeyardError) -> Mapping[str, str] | None:
    """Of the instances; None where they can't be asked for."""
    if isinstance(outputs, BeeyardError):
        return None
    found = _seen(cluster.aws.instance_states, outputs)
    return None if isinstance(found, BeeyardError) else found


def _stopped(outputs: Outputs | BeeyardError, states: Mapping[str, str] | None) -> tuple[str, ...]:
    """The nodes whose instances somebody has stopped."""
    if isinstance(outputs, BeeyardError) or states is None:
        return ()
    return tuple(node.name for node in stopped_nodes(outputs, states))


def _inside(
    cluster: Cluster,
    outputs: Outputs,
    states: Mapping[str, str] | None,
    pool: ThreadPoolExecutor,
) -> tuple[Layer, Layer]:
    """Hosts and Swarm."""
    if states is not None and (lost := lost_manager(outputs, states)):
        error = absent(lost)
        gone = Remark("the Swarm", f"{error.what}: {RECOVER}")
        return unseen_layer("hosts", "all nodes", error), Layer("swarm", unseen=(gone,))
    hosts = _seen(lambda: hosts_to_play(cluster, outputs))
    if isinstance(hosts, BeeyardError):
        return (
            unseen_layer("hosts", "all nodes", hosts),
            unseen_layer("swarm", "the Swarm", hosts),
        )
    asking = pool.submit(_swarm, hosts)
    return _hosts(hosts), asking.result()


def _holder(cloud: Cloud) -> str | None:
    """Who holds the cluster's lock, in words."""
    with in_words():
        found = cluster_lock.look(cloud.cluster.aws.client("s3"), cloud.bucket)
    if found is None:
        return None
    return f"{found.holder}{' (its process is gone)' * found.holder.is_gone()}"


def _cloud(
    cloud: Cloud,
    applied: tuple[str, ...],
    missing: tuple[str, ...],
    stopped: tuple[str, ...],
) -> Layer:
    with cloud.cluster.progress.phase("cloud") as phase:
        found = _seen(lambda: cloud.foresee(phase, applied))
        plans = dict.fromkeys(applied, found) if isinstance(found, BeeyardError) else found
        layer = cloud_layer(plans, missing, stopped)
        phase.result = _summary(layer)
    return layer


def _hosts(hosts: Hosts) -> Layer:
    """The playbook in check mode, on the nodes that let us in."""
    cluster = hosts.cluster
    with cluster.progress.phase("hosts") as phase:
        silent = unreachable(
            hosts.inventory,
            cluster.runner,
            hosts.files.ssh_config,
            cluster.clock,
            phase.say,
            AT_ONCE,
        )
        checked: Converged | BeeyardError | None = None
        lacking: tuple[str, ...] | BeeyardError = ()
        # Workers are reached through the first manager, and the others' tasks ask it.
        if hosts.inventory.first_manager.name not in silent:
            options = Options(
                check=True,
                mitogen=cluster.mitogen,
                hosts=[one.name for one in hosts.inventory.hosts if one.name not in silent]
                if silent
                else (),
            )
            checked = _seen(lambda: hosts.play(phase, "deploy", options))
            if cluster.spec.runs_pipelines:
                lacking = _seen(lambda: lacking_image(hosts))
        there = {one.name for one in hosts.inventory.hosts}
        coming = [name for name in nodes(cluster.spec) if name not in there]
        layer = hosts_layer(checked, silent, lacking, coming)
        phase.result = _summary(layer)
    return layer


def _swarm(hosts: Hosts) -> Layer:
    cluster = hosts.cluster
    with cluster.progress.phase("swarm") as phase:
        found = _seen(lambda: _look(hosts))
        layer = (
            unseen_layer("swarm", "the Swarm", found) if isinstance(found, BeeyardError) else found
        )
        phase.result = _summary(layer)
    return layer


def _look(hosts: Hosts) -> Layer:
    spec = hosts.cluster.spec
    if not hosts.in_swarm():
        raise HostError(f"{hosts.inventory.first_manager.name} is in no Swarm, or does not say")
    with hosts.swarm() as manager:
        snapshot = manager.snapshot()
        missing = missing_secrets(spec, snapshot)
        applications: dict[str, Foreseen | BeeyardError] = {
            name: _seen(Deployer(hosts, manager, name).foresee, missing)
            for name in spec.applications
        }
    return swarm_layer(spec, snapshot, missing, applications)


def _summary(layer: Layer) -> str:
    parts = [f"{len(layer.steps)} to change"]
    if layer.unseen:
        parts.append(f"{len(layer.unseen)} not seen")
    return ", ".join(parts)


def _seen(look: Callable[..., T], *arguments: object) -> T | BeeyardError:
    """What was found, or the error that kept it from being found."""
    try:
        return look(*arguments)
    except BeeyardError as error:
        return error
