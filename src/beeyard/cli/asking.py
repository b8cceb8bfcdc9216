"""Whoever runs a command is asked before something of a cluster is made or removed."""

from collections.abc import Callable
from typing import Annotated

import typer
from rich.markup import escape

from beeyard.cli.options import Options
from beeyard.cli.view import aside, confirm, err
from beeyard.workflows import Cluster

Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def asker(
    options: Options, cluster: Cluster, *, yes: bool, rehearsal: bool = False
) -> Callable[[str], None]:
    """Show what is made or removed, and ask; to make a rehearsal costs nothing, so it just goes.

    rehearsal  ask there as well: something would be lost
    """

    def ask(what: str) -> None:
        if options.sandbox and not rehearsal:
            return
        with aside(cluster.progress.listener):
            err().print(escape(what))
            if not yes:
                confirm("Go on?")

    return ask
