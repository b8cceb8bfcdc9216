"""One at a time changes a cluster: who does holds its lock, and tidies up after those who died."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from beeyard.cloud import ClusterLock, state_bucket, state_locks
from beeyard.errors import CloudError
from beeyard.waiting import Timeout, wait_until
from beeyard.workflows.cloud import Cloud, open_cloud
from beeyard.workflows.cluster import Cluster
from beeyard.workflows.progress import Phase

#: Seconds for a Terraform that outlived its `up` to come to its end: a database takes long.
_PATIENCE = 3600.0


@contextmanager
def alone(cluster: Cluster, cloud: Cloud, doing: str, *, unlock: bool = False) -> Iterator[None]:
    """Hold the cluster's lock, with the projects laid out; no phase begins once it is lost.

    unlock  Terraform's locks are removed, whoever made them: for when a machine is gone for good

    Raises ClusterHeld where somebody else holds it, and CloudError where it can't be had.
    """
    with ExitStack() as stack:
        with cluster.progress.phase("lock") as phase:
            if not cloud.has_bucket():
                state_bucket.ensure(cluster.aws, cloud.bucket)
            lock = ClusterLock(
                cluster.aws, cloud.bucket, cluster.spec.name, doing, cluster.clock, phase.say
            )
            stack.enter_context(lock)
            _await_terraform(cluster, cloud, phase)
            _free_states(cluster, cloud, lock, phase, unlock=unlock)
            cloud.lay_out()
            phase.result = f"taken over from {lock.taken_over}" if lock.taken_over else "held"
        stack.enter_context(cluster.progress.gated(lock.check))
        yield


@contextmanager
def alone_in(cluster: Cluster, doing: str) -> Iterator[None]:
    """The same, where nothing else of the cloud is needed."""
    with alone(cluster, open_cloud(cluster), doing):
        yield


def _await_terraform(cluster: Cluster, cloud: Cloud, phase: Phase) -> None:
    """What a killed run had begun goes on to its end, and is in the state then."""

    def at_work() -> list[str]:
        return [
            name for name, folder in cloud.folders.items() if cloud.terraform.is_at_work(folder)
        ]

    left = at_work()
    if not left:
        return
    phase.say(f"a run that was killed left Terraform at work: waiting for it ({', '.join(left)})")
    try:
        wait_until(lambda: not at_work(), clock=cluster.clock, deadline=_PATIENCE)
    except Timeout:
        raise CloudError(
            "Terraform of a run that was killed does not come to its end",
            where=", ".join(at_work()),
            fix="see what it waits for; it ends by SIGINT (as by Ctrl-C), and keeps its state",
        ) from None


def _free_states(
    cluster: Cluster, cloud: Cloud, lock: ClusterLock, phase: Phase, *, unlock: bool
) -> None:
    """Of those who are surely gone: a machine that is only silent may have Terraform at work."""
    gone = tuple(holder for holder in lock.gone if holder.is_gone())
    for left in state_locks.free(cluster.aws, cloud.bucket, None if unlock else gone):
        phase.say(f"removed a lock that was left behind: {left}")
