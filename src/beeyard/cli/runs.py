"""`beeyard pipeline`: the runs of a cluster's pipelines, seen and steered."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from beeyard.cli.api import opened_api, print_json
from beeyard.cli.applications import Application
from beeyard.cli.options import Options
from beeyard.cli.tables import Row, table
from beeyard.cli.view import out
from beeyard.cli.words import Command
from beeyard.errors import PipelineError
from beeyard.workflows.ci import Api

Number = Annotated[int, typer.Argument(metavar="N", help="The run's number.")]

_COLOURS = {
    "success": "green",
    "failure": "red",
    "error": "red",
    "killed": "yellow",
    "running": "cyan",
    "superseded": "dim",
    "skipped": "dim",
}
_GOOD = ("success", "skipped", "superseded")


def add_to(app: typer.Typer) -> None:
    """Put this module's commands below `pipeline`."""
    app.command("ls", cls=Command)(ls)
    app.command(cls=Command)(show)
    app.command(cls=Command)(logs)
    app.command(cls=Command)(run)
    app.command(cls=Command)(cancel)
    app.command(cls=Command)(retry)


def ls(
    context: typer.Context,
    application: Annotated[
        str | None, typer.Argument(metavar="[APP]", help="Only this application's.")
    ] = None,
    branch: Annotated[str | None, typer.Option(metavar="NAME", help="Only this branch's.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=200, metavar="N")] = 25,
) -> None:
    """List runs, the newest first.

    [bold]Examples[/bold]
    beeyard pipeline ls
    beeyard pipeline ls timeoff --branch main -n 5
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.get("/api/runs", application=application, branch=branch, limit=limit)
    if options.json:
        print_json(found)
        return
    columns = ("run", "application", "status", "event", "branch", "commit", "by", "began", "took")
    table(out(), columns, [_row(each) for each in found])


def show(context: typer.Context, number: Number) -> None:
    """Show a run: its stages and steps, and what went wrong.

    Exit code 12 if it did not succeed.

    [bold]Examples[/bold]
    beeyard pipeline show 12
    beeyard pipeline show 12 --json | jq .status
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.get(f"/api/runs/{number}")
    _shown(options, found)


def logs(
    context: typer.Context,
    number: Number,
    step: Annotated[
        str | None, typer.Argument(metavar="[STEP]", help="Only this step's: NAME or STAGE/NAME.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on as it grows, until the run has ended.")
    ] = False,
) -> None:
    """Show what a run's steps wrote, one after another.

    [bold]Examples[/bold]
    beeyard pipeline logs 12
    beeyard pipeline logs 12 test -f
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.get(f"/api/runs/{number}")
        wanted = list(_steps(found, step))
        if step is not None and not wanted:
            names = ", ".join(f"{stage}/{name}" for stage, name in _steps(found, None))
            raise PipelineError(f"run {number} has no step {step}", fix=f"name one of: {names}")
        for stage, name in wanted:
            if step is None:
                out().print(f"[bold]== {escape(stage)}/{escape(name)}[/bold]")
            sys.stdout.flush()
            _copy(api, number, stage, name, follow=follow)


def run(
    context: typer.Context,
    application: Application,
    branch: Annotated[
        str, typer.Option(metavar="NAME", help="Of which branch. Default: the usual one.")
    ] = "",
    parameter: Annotated[
        list[str] | None, typer.Option("--param", "-p", metavar="KEY=VALUE", help="A variable.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show its logs, and end as it does.")
    ] = False,
) -> None:
    """Run an application's pipelines as they are at the head of a branch.

    [bold]Examples[/bold]
    beeyard pipeline run timeoff
    beeyard pipeline run timeoff --branch next -p SMOKE=yes -f
    """
    options: Options = context.obj
    body = {"application": application, "branch": branch, "parameters": _parameters(parameter)}
    with opened_api(options) as api:
        _begun(options, api, api.post("/api/runs", body), follow=follow)


def cancel(context: typer.Context, number: Number) -> None:
    """Stop what runs of a run, and begin nothing more of it.

    [bold]Examples[/bold]
    beeyard pipeline cancel 12
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.post(f"/api/runs/{number}/cancel")
    if options.json:
        print_json(found)
    else:
        out().print(f"run {number} is cancelled; it is {found['status']}")


def retry(
    context: typer.Context,
    number: Number,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show its logs, and end as it does.")
    ] = False,
) -> None:
    """Run the same once more: the same commit, the same event, as a new run.

    [bold]Examples[/bold]
    beeyard pipeline retry 12
    """
    options: Options = context.obj
    with opened_api(options) as api:
        _begun(options, api, api.post(f"/api/runs/{number}/retry"), follow=follow)


def _begun(options: Options, api: Api, made: dict[str, Any], *, follow: bool) -> None:
    number = made["number"]
    if not options.json:
        out().print(f"run {number} of {escape(made['application'])} has begun")
    if follow and not options.json:
        for stage, name in _steps(made, None):
            out().print(f"[bold]== {escape(stage)}/{escape(name)}[/bold]")
            sys.stdout.flush()
            _copy(api, number, stage, name, follow=True)
        made = api.get(f"/api/runs/{number}")
        _shown(options, made)
    elif options.json:
        print_json(made)


def _copy(api: Api, number: int, stage: str, step: str, *, follow: bool) -> None:
    with api.stream(f"/api/runs/{number}/log", stage=stage, step=step, follow=follow) as pieces:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()


def _steps(run: dict[str, Any], wanted: str | None) -> Iterator[tuple[str, str]]:
    for stage in run["stages"]:
        for step in stage["steps"]:
            if wanted in (None, step["name"], f"{stage['name']}/{step['name']}"):
                yield stage["name"], step["name"]


def _shown(options: Options, run: dict[str, Any]) -> None:
    if options.json:
        print_json(run)
    else:
        _show(run)
    if run["status"] not in (*_GOOD, "pending", "running"):
        raise typer.Exit(PipelineError.exit_code)


def _show(run: dict[str, Any]) -> None:
    console, event = out(), run["event"]
    console.print(
        f"[bold]run {run['number']}[/bold] of {escape(run['application'])}: {_state(run['status'])}"
    )
    about = [event.get("kind"), event.get("ref"), str(event.get("commit", ""))[:8]]
    console.print(" ".join(escape(str(each)) for each in about if each))
    if message := event.get("message"):
        console.print(escape(str(message).splitlines()[0]))
    for label, text in (("problem", run["problem"]), ("cancelled by", run["cancelled_by"])):
        if text:
            console.print(f"{label}: {escape(str(text))}")
    if run["superseded_by"]:
        console.print(f"superseded by run {run['superseded_by']}")
    rows = []
    for stage in run["stages"]:
        rows.append(_part(stage["name"], stage, stage["reason"]))
        rows.extend(_part(f"  {step['name']}", step, _why(step)) for step in stage["steps"])
    table(console, ("step", "status", "took", ""), rows)


def _part(name: str, part: dict[str, Any], why: str) -> Row:
    return (name, Text.from_markup(_state(part["status"])), _took(part), why)


def _why(step: dict[str, Any]) -> str:
    code = step["exit_code"]
    words = [f"exit code {code}"] if code not in (None, 0) else []
    return ": ".join([*words, *([step["reason"]] if step["reason"] else [])])


def _row(run: dict[str, Any]) -> Row:
    event = run["event"]
    return (
        str(run["number"]),
        run["application"],
        Text.from_markup(_state(run["status"])),
        str(event.get("kind", "")),
        str(event.get("branch", "")),
        str(event.get("commit", ""))[:8],
        run["by"],
        run["created"].replace("T", " ")[:19],
        _took(run),
    )


def _took(part: dict[str, Any]) -> str:
    if not part["started"]:
        return ""
    end = datetime.fromisoformat(part["stopped"]) if part["stopped"] else datetime.now(UTC)
    seconds = (end - datetime.fromisoformat(part["started"])).total_seconds()
    return (
        f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)}:{int(seconds % 60):02} min"
    )


def _state(status: str) -> str:
    colour = _COLOURS.get(status)
    return f"[{colour}]{status}[/{colour}]" if colour else status


def _parameters(given: list[str] | None) -> dict[str, str]:
    found = {}
    for one in given or []:
        key, equals, value = one.partition("=")
        if not (key and equals):
            raise typer.BadParameter(f"`{one}` is not KEY=VALUE", param_hint="--param")
        found[key] = value
    return found
