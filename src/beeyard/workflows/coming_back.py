"""Waiting for a node that was away: until it is again what tasks need."""

from collections.abc import Sequence

from beeyard.errors import BeeyardError, HostError
from beeyard.process import Command
from beeyard.provision import await_ssh
from beeyard.provision.packages import restart_engine
from beeyard.waiting import Timeout, wait_until
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts

#: Seconds for a node to come back with its engine, after a reboot as well.
BACK = 300.0
#: Seconds for the Swarm to call a node ready whose engine is in it: two graces of its heartbeat.
SIGNED_IN = 30.0


def bring_back(cluster: Cluster, hosts: Hosts, names: Sequence[str]) -> int:
    """Wait for each of these nodes, as `await_back` does; gives their number."""
    for name in names:
        with cluster.progress.phase(f"{name} comes back") as phase:
            await_back(cluster, hosts, name)
            phase.result = "its engine answers, and it is ready"
    return len(names)


def await_back(cluster: Cluster, hosts: Hosts, name: str, after: str = "") -> None:
    """Return once its engine answers, its shared files are there, and the Swarm calls it ready.

    An engine that comes back just as its last heartbeat runs out may be called down for good, with
    a session that is alive (seen in Docker 20.10: SwarmKit's dispatcher writes `ready` before it
    stops the old heartbeat's clock, which then writes `down`; docker/for-linux#209 tells of the
    like). Only another session ends that, so such an engine is started anew. No task is lost by it:
    the Swarm runs them elsewhere.

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
        try:
            with hosts.swarm() as manager:
                states = [one.state for one in manager.snapshot().nodes if one.name == name]
        except BeeyardError as error:
            last[0] = error.what
            return False
        last[0] = f"the Swarm calls it {' and '.join(states) or 'nothing: it is not in it'}"
        return "ready" in states

    try:
        await_ssh(
            hosts.inventory, cluster.runner, hosts.files.ssh_config, cluster.clock, lambda _: None
        )
        # Without the shared files' project, there is nothing to mount yet.
        mounts = (files,) if hosts.outputs.shared_files else ()
        for condition in (engine, *mounts):
            wait_until(condition, clock=cluster.clock, deadline=BACK, interval=1.0)
        try:
            wait_until(ready, clock=cluster.clock, deadline=SIGNED_IN, interval=1.0)
        except Timeout:
            restart_engine(runner, name)
            wait_until(ready, clock=cluster.clock, deadline=BACK, interval=1.0)
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
