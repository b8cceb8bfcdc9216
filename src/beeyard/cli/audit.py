"""`beeyard audit`: who changed what, and whether the log of it is as it was written."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from beeyard.cli.api import opened_api, print_json
from beeyard.cli.options import Options
from beeyard.cli.tables import Row, table
from beeyard.cli.view import out
from beeyard.cli.wiring import open_cluster
from beeyard.cli.words import Command, Group
from beeyard.errors import ConfigError, UnverifiedError
from beeyard.workflows import hosts_of
from beeyard.workflows.audit import Verified, verify_log

app = typer.Typer(name="audit", cls=Group, help="The audit log: read, and checked for tampering.")

_COLOURS = {"done": "green", "refused": "yellow", "failed": "red"}


def add_to(main: typer.Typer) -> None:
    """Put `audit` on the command line."""
    main.add_typer(app)


@app.command(cls=Command)
def ls(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, metavar="N")] = 25,
) -> None:
    """Show the newest entries, the last one first.

    [bold]Examples[/bold]
    beeyard audit ls -n 100
    beeyard audit ls --json | jq '.[] | select(.outcome != "done")'
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.get("/api/audit", limit=limit)
    if options.json:
        print_json(found)
        return
    columns = ("entry", "when", "who", "by", "what", "on", "outcome")
    table(out(), columns, [_row(entry) for entry in found])


@app.command(cls=Command)
def verify(context: typer.Context) -> None:
    """Read the whole log, and compare it with what S3 holds of it: is it as it was written?

    Exit code 0: it is. 10: it was changed, cut or made anew, or can't be read.

    [bold]Example[/bold]
    beeyard audit verify
    """
    options: Options = context.obj
    with open_cluster(options) as cluster:
        if not cluster.spec.runs_pipelines:
            raise ConfigError(
                "this cluster keeps no audit log",
                why="`ci` is not among `infrastructure` in beeyard.yml",
                fix="add it, then run `beeyard up`",
            )
        hosts = hosts_of(cluster)
        with cluster.progress.phase("audit log") as phase:
            found = verify_log(hosts)
            phase.result = f"{found.chain.head.entries} entries read"
    report(options, found)


def report(options: Options, found: Verified) -> None:
    """Say what was found; leave with 10 where something is wrong."""
    if options.json:
        print_json(_as_json(found))
    else:
        _show(out(), found)
    if not found.ok:
        raise typer.Exit(UnverifiedError.exit_code)


def _show(console: Console, found: Verified) -> None:
    mark = "[green]as it was written[/green]" if found.ok else "[red]not as it was written[/red]"
    compared = f"compared with {found.heads} of its heads in S3"
    console.print(f"{found.chain.head.entries} entries, {compared}: {mark}")
    for problem in found.chain.problems:
        console.print(escape(f"entry {problem.entry}: {problem.what} ({problem.where})"))
    for left in found.chain.left_out:
        console.print(
            escape(f"{left.file}: {left.bytes} bytes are no part of it: a copy was cut off there")
        )
    if found.kept:
        console.print(f"S3 holds the head of entry {found.kept.entries}")
    else:
        console.print(f"[yellow]no head was put into S3: {escape(found.unkept)}[/yellow]")


def _as_json(found: Verified) -> dict[str, Any]:
    chain = found.chain
    return {
        "ok": found.ok,
        "entries": chain.head.entries,
        "head": chain.head.hash,
        "heads_compared": found.heads,
        "kept": asdict(found.kept) if found.kept else None,
        "problems": [asdict(problem) for problem in chain.problems],
        "left_out": [asdict(left) for left in chain.left_out],
    }


def _row(entry: dict[str, Any]) -> Row:
    return (
        str(entry["n"]),
        entry["at"].replace("T", " ")[:19],
        entry["user"],
        entry["via"],
        entry["what"],
        entry["on"],
        Text(entry["outcome"], style=_COLOURS.get(entry["outcome"], "")),
    )
