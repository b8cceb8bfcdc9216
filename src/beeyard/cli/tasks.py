"""`beeyard run`."""

import json
import sys
from typing import Annotated

import typer

from beeyard.cli.applications import Application, looked_into
from beeyard.cli.completion import service_names
from beeyard.cli.options import Options
from beeyard.cli.view import aside
from beeyard.cli.words import Command
from beeyard.swarm.logs import Entry
from beeyard.workflows.audit import Change
from beeyard.workflows.tasks import run_task


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command(cls=Command)(run)


def run(
    context: typer.Context,
    application: Application,
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="Like which of its services.", autocompletion=service_names
        ),
    ],
    command: Annotated[
        list[str], typer.Argument(metavar="CMD", help="What to run, after two dashes.")
    ],
    entrypoint: Annotated[
        str | None,
        typer.Option(metavar="PROGRAM", help="This instead of the image's entry point."),
    ] = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            min=1, metavar="SECONDS", help="Stop it after that. Default: as long as it takes."
        ),
    ] = None,
) -> None:
    """Run a command once, in a container like a service's; its exit code becomes ours.

    It has the service's image, environment, networks, secrets and configs, and is
    gone afterwards. The command takes the place of the service's own, behind the
    entry point of the image.

    [bold]Examples[/bold]
    beeyard run timeoff web -- migrate
    beeyard run timeoff web --timeout 60 --entrypoint sh -- -c 'env | sort'
    """
    options: Options = context.obj
    # Not its arguments: they may hold a secret.
    noting = Change("run", f"{application}/{service}", {"program": command[0]})
    with (
        looked_into(options, application, noting) as deployer,
        aside(deployer.hosts.cluster.progress.listener),
    ):
        ended = run_task(
            deployer,
            service,
            command,
            _hear_nothing if options.json else show,
            timeout=timeout,
            entrypoint=entrypoint,
        )
        noting.details["code"] = ended.code
    if options.json:
        said = {"code": ended.code, "node": ended.node, "log": list(ended.log)}
        sys.stdout.write(json.dumps(said, indent=2) + "\n")
    raise typer.Exit(ended.code or 0)


def show(line: Entry) -> None:
    """A line of the task's log, where it was written to."""
    stream = sys.stdout if line.stream == "stdout" else sys.stderr
    stream.write(f"{line.text}\n")
    stream.flush()


def _hear_nothing(_: Entry) -> None:
    """With --json the log comes with the result."""
