"""`beeyard maintenance`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich.markup import escape

from beeyard.cli.applications import Application, opened
from beeyard.cli.options import Options
from beeyard.cli.view import out
from beeyard.cli.words import Command
from beeyard.workflows.audit import Change
from beeyard.workflows.maintenance import switch_maintenance


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command(cls=Command)(maintenance)


def maintenance(
    context: typer.Context,
    application: Application,
    wanted: Annotated[
        Literal["on", "off"], typer.Argument(metavar="on|off", help="Whether the page is shown.")
    ],
) -> None:
    """Show a page (503, Retry-After) in place of an application, which runs on behind it.

    [bold]Examples[/bold]
    beeyard maintenance timeoff on
    beeyard maintenance timeoff off
    """
    options: Options = context.obj
    with opened(options, application, Change(f"maintenance.{wanted}", application)) as deployer:
        done = switch_maintenance(deployer, on=wanted == "on")
    if options.json:
        sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n")
        return
    state = "shows its maintenance page" if done.on else "answers itself"
    already = "" if done.changed else " (as before)"
    out().print(escape(f"{application} {state}{already}: {', '.join(done.urls)}"))
