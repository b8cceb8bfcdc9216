"""`beeyard`: the one place that wires, prints and exits."""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import beeyard
from beeyard.cli import (
    access,
    audit,
    backups,
    cluster,
    eject,
    files,
    iam,
    inside,
    maintenance,
    nodes,
    pipeline_secrets,
    pipelines,
    recover,
    rehearsal,
    releases,
    rotate,
    runs,
    scale,
    secrets,
    tasks,
)
from beeyard.cli.options import Options
from beeyard.cli.signals import Stopped, pass_on
from beeyard.cli.view import err
from beeyard.cli.words import Group, in_front, misunderstood
from beeyard.errors import BeeyardError, Refused, render

app = typer.Typer(
    name="beeyard",
    cls=Group,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `beeyard init`, then `beeyard check`, then `beeyard --sandbox up`.",
)
files.add_to(app)
cluster.add_to(app)
releases.add_to(app)
scale.add_to(app)
inside.add_to(app)
tasks.add_to(app)
secrets.add_to(app)
rotate.add_to(app)
maintenance.add_to(app)
nodes.add_to(app)
recover.add_to(app)
backups.add_to(app)
eject.add_to(app)
iam.add_to(app)
runs.add_to(pipelines.app)
pipeline_secrets.add_to(pipelines.app)
app.add_typer(pipelines.app, name="pipeline")
access.add_to(app)
audit.add_to(app)
app.add_typer(rehearsal.app, name="sandbox")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"beeyard {beeyard.__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            "-f",
            metavar="FILE",
            help="The cluster's file. Default: beeyard.yml here or in a parent.",
        ),
    ] = None,
    sandbox: Annotated[
        bool,
        typer.Option("--sandbox", envvar="BEEYARD_SANDBOX", help="Rehearse it on this machine."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Results and errors as JSON on standard output.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="BEEYARD_DEBUG", help="Tracebacks with errors.")
    ] = False,
    version: Annotated[  # noqa: ARG001 (its callback did the work)
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """One file to a highly available Docker Swarm on AWS, rehearsed for real on one machine.

    [bold]Examples[/bold]
    beeyard --sandbox up    rehearse the cluster of ./beeyard.yml on this machine
    beeyard up              make it on AWS, after showing what would be made
    beeyard status          cloud, nodes, services, certificates, URLs at a glance
    """
    context.obj = Options(file=file, sandbox=sandbox, json=as_json, debug=debug)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; gives the exit code (see docs/exit-codes.md)."""
    shared, rest = in_front(sys.argv[1:] if argv is None else argv)
    # Options may be what is wrong, so how errors are shown can't wait until they are parsed.
    how = Options(json="--json" in shared, debug="--debug" in shared or _debug_is_set())
    pass_on()
    try:
        return _run([*shared, *(rest or ["--help"])])
    except BrokenPipeError:
        # As in `beeyard schema | head`. What is buffered would fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BeeyardError.exit_code
    except Stopped as stopped:
        return _report(stopped.in_words(), how)
    except Exception as error:  # noqa: BLE001
        return _report(_in_words(error), how)


def _run(arguments: list[str]) -> int:
    """The exit code of one command; what goes wrong is raised."""
    try:
        ended = app(args=arguments, prog_name="beeyard", standalone_mode=False)
    except SystemExit as end:
        ended = end.code
    sys.stdout.flush()
    return ended if isinstance(ended, int) else 0


def _debug_is_set() -> bool:
    return os.environ.get("BEEYARD_DEBUG", "").lower() in {"1", "true", "yes", "on"}


def _in_words(error: Exception) -> BeeyardError:
    match error:
        case BeeyardError():
            return error
        case typer.TyperException():
            return misunderstood(error)
        case typer.Abort():
            return Refused("nobody answered; nothing was changed")
        case _:
            return _unexpected(error)


def _unexpected(error: Exception) -> BeeyardError:
    """A mistake of ours, in words."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return BeeyardError(
        f"beeyard itself failed: {type(error).__name__}: {error}",
        where=f"{last.filename}:{last.lineno}",
        fix="run it again with --debug, and report what it prints",
    )


def _report(error: BeeyardError, how: Options) -> int:
    if how.debug:
        err().print_exception()
    if how.json:
        sys.stdout.write(json.dumps(error.as_dict(), indent=2) + "\n")
        sys.stdout.flush()
    text = escape(render(error))
    err().print(text.replace("error:", "[bold red]error:[/bold red]", 1))
    return error.exit_code
