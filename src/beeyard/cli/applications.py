"""What commands on one application share: how it is named, and how its cluster is opened."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.markup import escape

from beeyard.cli.completion import application_names
from beeyard.cli.options import Options
from beeyard.cli.view import err
from beeyard.cli.wiring import open_cluster
from beeyard.errors import ConfigError
from beeyard.workflows import hosts_of
from beeyard.workflows.audit import Change
from beeyard.workflows.deploy import Deployer

Application = Annotated[
    str,
    typer.Argument(
        metavar="APP",
        help="An application's name, as in beeyard.yml.",
        autocompletion=application_names,
    ),
]


@contextmanager
def opened(options: Options, application: str, noting: Change | None = None) -> Iterator[Deployer]:
    """An application of a cluster that runs, with its first manager's tunnel open. `noting`: see
    `open_cluster`.

    Raises ConfigError if beeyard.yml names no such application.
    """
    with open_cluster(options, noting=noting) as cluster:
        known = cluster.spec.applications
        if application not in known:
            raise ConfigError(
                f"there is no application {application}",
                why=f"beeyard.yml names {', '.join(known) or 'none'}",
                fix="name one of those, or add it below `applications`",
            )
        hosts = hosts_of(cluster)
        with hosts.swarm() as manager:
            yield Deployer(hosts, manager, application)


@contextmanager
def looked_into(
    options: Options, application: str, noting: Change | None = None
) -> Iterator[Deployer]:
    """The same, for what changes no release: a rollout that was cut short is said, and left so."""
    with opened(options, application, noting) as deployer:
        if said := deployer.cut_short():
            err().print(f"[yellow]warning:[/yellow] {escape(said)}")
        yield deployer
