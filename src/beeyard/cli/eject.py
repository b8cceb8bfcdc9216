"""`beeyard eject`."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from beeyard.cli.options import Options
from beeyard.cli.view import out
from beeyard.cli.wiring import open_cluster
from beeyard.cli.words import Command
from beeyard.workflows.eject import eject as run_eject


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command(cls=Command)(eject)


def eject(
    context: typer.Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write it: a folder that is not there.")
    ],
) -> None:
    """Write the cluster as plain Terraform, Ansible and Compose, which need no beeyard.

    It changes nothing in the cluster. Nothing that is written is secret.

    [bold]Examples[/bold]
    beeyard eject ../timeoff-plain
    beeyard --sandbox eject plain --json | jq -r '.files[]'
    """
    options: Options = context.obj
    with open_cluster(options) as cluster:
        done = run_eject(cluster, folder)
    if options.json:
        sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n")
        return
    console = out()
    console.print(escape(f"{done.folder}: begin with README.md"))
    console.print(escape(f"  terraform  {', '.join(done.projects)}"))
    console.print("  ansible    deploy.yml")
    for name, number in done.applications.items():
        console.print(escape(f"  stacks     {name}, release {number}"))
    for name, why in done.skipped.items():
        console.print(f"  [yellow]{escape(name)} skipped: {escape(why)}[/yellow]")
