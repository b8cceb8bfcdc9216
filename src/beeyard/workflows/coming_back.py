"""Waiting for a node that was away: until it is again what tasks need."""

from beeyard.errors import BeeyardError, HostError
from beeyard.process import Command
from beeyard.provision import await_ssh
from beeyard.waiting import Timeout, wait_until
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts

#: Seconds for a node to come back with its engine, after a reboot as well.
BACK = 300.0


def await_back(cluster: Cluster, hosts: Hosts, name: str, after: str = "") -> None:
    """Return once its engine answers, its shared files are there, and the Swarm calls it ready.
    Raises HostError (`lost`)."""
    runner = hosts.run_on(name, sudo=True)
    last = ["nothing was heard of it"]

    def engine() -> bool:
        argv = ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"]
        said = runner.run(Command(argv, timeout=60), check=False)
        last[0] = said.tail() or said.stdout.strip()
        return said.code == 0 and said.stdout.strip() == "active"

    def files() -> bool:
        argv = ["timeout", "10", "mountpoint", "-q", cluster.spec.efs.path]
        last[0] = f"{cluster.spec.efs.path} is not mounted"
        return runner.run(Command(argv, timeout=30), check=False).code == 0

    def ready() -> bool:
        last[0] = "the Swarm does not call it ready"
        try:
            with hosts.swarm() as manager:
                return any(
                    node.name == name and node.state == "ready" for node in manager.snapshot().nodes
                )
        except BeeyardError as error:
            last[0] = error.what
            return False

    try:
        await_ssh(
            hosts.inventory, cluster.runner, hosts.files.ssh_config, cluster.clock, lambda _: None
        )
        # Without the shared files' project, there is nothing to mount yet.
        mounts = (files,) if hosts.outputs.shared_files else ()
        for condition in (engine, *mounts, ready):
            wait_until(condition, clock=cluster.clock, deadline=BACK, interval=1.0)
    except (Timeout, HostError):
        raise lost(name, last[0], after) from None


def lost(name: str, why: str, after: str = "") -> HostError:
    """The error for a node that stays away; `after`: what was done to it, in words."""
    return HostError(
        f"{name} does not come back{after}",
        where=name,
        why=why,
        fix=f"no other node was touched after it. Look at it: beeyard ssh {name}; mended, run "
        "this again: it goes on with it. A worker can be made anew instead: "
        f"beeyard node replace {name}",
    )
