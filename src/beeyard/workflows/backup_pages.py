"""Applications behind their maintenance page, while what they work with is replaced."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from beeyard.apps.maintenance import BY, page_of, urls
from beeyard.swarm import Snapshot
from beeyard.workflows.backup_words import Unchanged
from beeyard.workflows.deploy import Deployer
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.maintenance import switch_maintenance


@contextmanager
def behind_pages(hosts: Hosts, applications: Sequence[str], by: str) -> Iterator[None]:
    """Within, those of them that have addresses show the page; where that goes wrong, they go on
    showing it, but for Unchanged. One that did before is left so, and said, but for what `by`, this
    same work, put up when it was cut short."""
    with hosts.swarm() as manager:
        port = hosts.outputs.ingress.https_port
        snapshot = manager.snapshot()
        shown, others = to_show(snapshot, applications, port, by)
        for name in shown:
            # One whose page is left from before may have no address any more.
            if urls(snapshot, name, port):
                switch_maintenance(Deployer(hosts, manager, name), on=True, by=by)
    try:
        yield
    except Unchanged:
        _take_down(hosts, shown)
        raise
    _take_down(hosts, shown)
    if others:
        with hosts.cluster.progress.phase("maintenance pages from before") as phase:
            for name in others:
                phase.say(f"{name} shows its page: beeyard maintenance {name} off")
            phase.result = f"still shown: {', '.join(others)}"


def _take_down(hosts: Hosts, shown: Sequence[str]) -> None:
    # A tunnel of its own: the one from before may have ended in the meantime.
    with hosts.swarm() as manager:
        for name in shown:
            switch_maintenance(Deployer(hosts, manager, name), on=False)


def to_show(
    snapshot: Snapshot, applications: Sequence[str], port: int, by: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Those whose page `by` puts up and takes down, and those that show one of others. Pure."""
    ours, others = [], []
    for name in applications:
        page = page_of(snapshot, name)
        if page is not None and page.labels.get(BY) != by:
            others.append(name)
        elif page is not None or urls(snapshot, name, port):
            ours.append(name)
    return tuple(ours), tuple(others)
