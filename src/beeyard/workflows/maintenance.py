"""`maintenance`: a page in place of an application, put up and taken down."""

from dataclasses import dataclass

from beeyard.apps.maintenance import Gates, Maintenance, is_on, urls
from beeyard.apps.probe import await_answer
from beeyard.workflows.deploy import Deployer


@dataclass(frozen=True)
class Switched:
    """What became of it: whether the page is up, whether that is new, and where."""

    on: bool
    changed: bool
    urls: tuple[str, ...]


def switch_maintenance(deployer: Deployer, *, on: bool, by: str = "") -> Switched:
    """Put the page up at all addresses of an application, or take it down.

    by  the work that puts it up, and takes it down again

    Raises UnverifiedError where it is not seen, or where the application does not answer once it
    is gone.
    """
    ingress = deployer.hosts.outputs.ingress
    cluster = deployer.hosts.cluster
    doing = f"maintenance {'on' if on else 'off'}"
    with (
        deployer.locked(doing) as (lock, _),
        cluster.progress.phase(f"{deployer.name}: {doing}") as phase,
    ):
        before = is_on(deployer.manager, deployer.name)
        found = urls(deployer.manager.snapshot(), deployer.name, ingress.https_port)
        gates = Gates(found, ingress.addresses, ingress.acme.root_certificate)
        page = Maintenance(deployer.site, deployer.name, gates, lock.check)
        if on:
            page.put_up(phase.say, by)
        else:
            page.take_down(phase.say)
            for url in found:
                await_answer(
                    url.url,
                    ingress.addresses,
                    https_port=ingress.https_port,
                    ca_pem=ingress.acme.root_certificate,
                    deadline=30.0,
                    clock=cluster.clock,
                )
        phase.result = "the page is shown" if on else "the application answers"
    return Switched(on, before != on, tuple(url.url for url in found))
