"""Waiting for a node that was away: until it is again what tasks need."""

from collections.abc import Callable, Sequence

from beeyard.errors import BeeyardError, HostError
from beeyard.process import Command, Runner
from beeyard.provision import await_ssh
from beeyard.provision.packages import restart_engine
from beeyard.waiting import Timeout, wait_until
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.hosts import Hosts

#: Seconds for a node to come back with its engine, after a reboot as well.
BACK = 300.0
#: Seconds for the Swarm to call a node ready whose engine is in it: two graces of its heartbeat.
SIGNED_IN = 30.0
_SILENT = "nothing was heard of it"


def bring_back(cluster: Cluster, hosts: Hosts, names: Sequence[str], after: str = "") -> int:
    """Return once of each of these nodes the engine answers, the shared files are there, and the
    Swarm calls it ready; gives their number. `after`: what was done to them, in words.

    An engine that comes back just as its last heartbeat runs out may be called down for good, with
    a session that is alive (seen in Docker 20.10: SwarmKit's dispatcher writes `ready` before it
    stops the old heartbeat's clock, which then writes `down`; docker/for-linux#209 tells of the
    like). Only another session ends that, so such an engine is started anew. No task is lost by it:
    the Swarm runs them elsewhere.

    Raises HostError: `lost`, or why that engine did not start.
    """
    for name in names:
        with cluster.progress.phase(f"{name} comes back") as phase:
            _await_back(cluster, hosts, name, after)
            phase.result = "its engine answers, and it is ready"
    return len(names)


def _await_back(cluster: Cluster, hosts: Hosts, name: str, after: str) -> None:
    runner = hosts.run_on(name, sudo=True)

    def wait(lacking: Callable[[], str], deadline: float) -> None:
        """Until nothing lacks, by its words."""
        last = _SILENT

        def nothing() -> bool:
            nonlocal last
            last = lacking()
            return not last

        try:
            wait_until(nothing, clock=cluster.clock, deadline=deadline, interval=1.0)
        except (Timeout, HostError):
            raise lost(name, last, after) from None

    try:
        await_ssh(
            hosts.inventory, cluster.runner, hosts.files.ssh_config, cluster.clock, lambda _: None
        )
    except HostError:
        raise lost(name, _SILENT, after) from None
    wait(lambda: _lacks_engine(runner), BACK)
    # Without the shared files' project, there is nothing to mount yet.
    if hosts.outputs.shared_files:
        wait(lambda: _lacks_files(runner, cluster.spec.efs.path), BACK)
    try:
        wait(lambda: _lacks_swarm(hosts, name), SIGNED_IN)
    except HostError:
        restart_engine(runner, name)
        wait(lambda: _lacks_swarm(hosts, name), BACK)


def _lacks_engine(runner: Runner) -> str:
    argv = ["docker", "info", "--format", "{{.Swarm.LocalNodeState}}"]
    said = runner.run(Command(argv, timeout=60), check=False)
    is_active = said.code == 0 and said.stdout.strip() == "active"
    return "" if is_active else said.tail() or said.stdout.strip() or "its engine says nothing"


def _lacks_files(runner: Runner, path: str) -> str:
    argv = ["timeout", "10", "mountpoint", "-q", path]
    is_there = runner.run(Command(argv, timeout=30), check=False).code == 0
    return "" if is_there else f"{path} is not mounted"


def _lacks_swarm(hosts: Hosts, name: str) -> str:
    try:
        with hosts.swarm() as manager:
            states = [one.state for one in manager.snapshot().nodes if one.name == name]
    except BeeyardError as error:
        return error.what
    if "ready" in states:
        return ""
    return f"the Swarm calls it {' and '.join(states) or 'nothing: it is not in it'}"


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
