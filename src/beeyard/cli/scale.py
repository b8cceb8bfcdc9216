"""`beeyard scale`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from beeyard.cli.applications import Application, opened
from beeyard.cli.options import Options
from beeyard.cli.view import out
from beeyard.cli.words import Command
from beeyard.workflows.audit import Change
from beeyard.workflows.scale import scale_application


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command(cls=Command)(scale)


def scale(
    context: typer.Context,
    application: Application,
    wanted: Annotated[
        list[str],
        typer.Argument(metavar="SERVICE=N...", help="Services, and how many replicas of each."),
    ],
) -> None:
    """Give services another number of replicas, kept across deploys; the stack file's is the floor.

    [bold]Examples[/bold]
    beeyard scale timeoff web=4
    beeyard scale timeoff web=4 worker=2
    """
    options: Options = context.obj
    numbers = dict(_number(context, text) for text in wanted)
    noting = Change("scale", application, {**numbers})
    with opened(options, application, noting) as deployer, deployer.locked("scale"):
        done = scale_application(deployer.hosts.cluster, deployer.manager, application, numbers)
    if options.json:
        sys.stdout.write(json.dumps([asdict(one) for one in done], indent=2) + "\n")
        return
    for one in done:
        out().print(escape(f"{one.service}: {one.before} → {one.after} replicas"))


def _number(context: typer.Context, text: str) -> tuple[str, int]:
    service, _, number = text.partition("=")
    if not service or not number.isdecimal():
        raise typer.BadParameter(
            f"`{text}` is not SERVICE=N, as in web=4", context, param_hint="SERVICE=N"
        )
    return service, int(number)
