"""`provision`: one playbook or some tags of it, on a cluster that exists."""

from collections.abc import Sequence

from beeyard.provision import Converged, Options, await_ssh, require_room
from beeyard.workflows.applications import hand_over
from beeyard.workflows.cloud import read_outputs
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.operators import refuse_lockout
from beeyard.workflows.schedule import hosts_to_play


def provision(
    cluster: Cluster, *, playbook: str = "deploy", tags: Sequence[str] = (), check: bool = False
) -> Converged:
    """Run the playbook. Secrets that the Swarm lacks are gathered first, unless only checked."""
    if not check:
        refuse_lockout(cluster)
    with cluster.progress.phase("nodes") as phase:
        hosts = hosts_to_play(cluster, read_outputs(cluster))
        await_ssh(hosts.inventory, cluster.runner, hosts.files.ssh_config, cluster.clock, phase.say)
        require_room(hosts.inventory, cluster.runner, hosts.files.ssh_config)
        phase.result = f"{len(hosts.inventory.hosts)} answer"
    wants_apps = not tags or "provision_apps" in tags
    handed = {}
    if wants_apps and playbook in {"deploy", "provision_apps"} and not check:
        database = hosts.outputs.database
        snapshot = None
        if hosts.in_swarm():
            with hosts.swarm() as manager:
                snapshot = manager.snapshot()
        handed = hand_over(cluster, snapshot, database.identifier if database else None)
    with cluster.progress.phase(playbook) as phase:
        options = Options(tags=tags, check=check, mitogen=cluster.mitogen, secrets=handed)
        return hosts.play(phase, playbook, options)
