"""Applications behind their maintenance page, while what they work with is replaced."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from beeyard.apps.maintenance import is_on, urls
from beeyard.workflows.deploy import Deployer
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.maintenance import switch_maintenance


@contextmanager
def behind_pages(hosts: Hosts, applications: Sequence[str]) -> Iterator[None]:
    """Within, those of them that have addresses show the page; where that goes wrong, they go on
    showing it. One that did before is left so."""
    with hosts.swarm() as manager:
        snapshot = manager.snapshot()
        port = hosts.outputs.ingress.https_port
        shown = [
            Deployer(hosts, manager, name)
            for name in applications
            if urls(snapshot, name, port) and not is_on(manager, name)
        ]
        for deployer in shown:
            switch_maintenance(deployer, on=True)
    yield
    # A tunnel of its own: the one from before may have ended in the meantime.
    with hosts.swarm() as manager:
        for deployer in shown:
            switch_maintenance(Deployer(hosts, manager, deployer.name), on=False)
