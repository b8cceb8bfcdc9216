"""`beeyard`: the one place that wires, prints and exits."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

import beeyard
from beeyard.cli import cluster, files, rehearsal
from beeyard.cli.options import Options
from beeyard.cli.signals import pass_on
from beeyard.cli.view import err
from beeyard.errors import BeeyardError, render

app = typer.Typer(
    name="beeyard",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Begin with `beeyard init`, then `beeyard check`, then `beeyard --sandbox up`.",
)
files.add_to(app)
cluster.add_to(app)
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
            "--file", "-f", help="The cluster's file. Default: beeyard.yml here or in a parent."
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
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """One file to a highly available Docker Swarm on AWS, rehearsed for real on one machine.

    [bold]Examples[/bold]

      beeyard --sandbox up       rehearse the cluster of ./beeyard.yml on this machine

      beeyard up                 make it on AWS, after showing what would be made

      beeyard status             cloud, nodes, services, certificates and URLs on one screen
    """
    context.obj = Options(file=file, sandbox=sandbox, json=as_json, debug=debug)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; gives the exit code (see docs/exit-codes.md)."""
    arguments = sys.argv[1:] if argv is None else argv
    pass_on()
    try:
        app(args=arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except BeeyardError as error:
        if "--debug" in arguments:
            err().print_exception()
        return _report(error, as_json="--json" in arguments)
    return 0


def _report(error: BeeyardError, *, as_json: bool) -> int:
    if as_json:
        sys.stdout.write(json.dumps(error.as_dict(), indent=2) + "\n")
    text = escape(render(error))
    err().print(text.replace("error:", "[bold red]error:[/bold red]", 1))
    return error.exit_code


def run() -> None:
    """The console script: `main`, and out."""
    sys.exit(main())


if __name__ == "__main__":
    run()
