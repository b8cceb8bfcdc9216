"""Commands on an application's releases: `deploy`, `rollback`, `releases`, `diff`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich.markup import escape

from beeyard.apps import Entry
from beeyard.apps.canary import parse_share
from beeyard.cli.applications import Application, looked_into, opened
from beeyard.cli.options import Options
from beeyard.cli.receipts import as_json, show_outcome, show_releases
from beeyard.cli.view import out
from beeyard.cli.words import Command
from beeyard.errors import AppError
from beeyard.workflows.audit import Change
from beeyard.workflows.deploy import Outcome, Request
from beeyard.workflows.diff import difference

Builder = Annotated[
    Literal["manager", "local"],
    typer.Option(help="Whose engine builds images: the first manager's, or this machine's."),
]
MaxFailed = Annotated[
    int | None,
    typer.Option(
        "--max-failed",
        min=0,
        metavar="N",
        help="Undo it if more of the probe's requests fail. Default: as beeyard.yml says.",
    ),
]


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (deploy, rollback, promote, abort, releases, diff):
        app.command(cls=Command)(command)


def deploy(  # noqa: PLR0913, PLR0917 (each is an option of the command line)
    context: typer.Context,
    application: Application,
    image: Annotated[
        str | None,
        typer.Option(metavar="REF", help="This image instead of building; or SERVICE=REF."),
    ] = None,
    builder: Builder = "manager",
    max_failed: MaxFailed = None,
    canary: Annotated[
        str | None,
        typer.Option(metavar="SHARE", help="First give it this share of the requests, as 10%."),
    ] = None,
    watch: Annotated[
        float, typer.Option(min=1, metavar="SECONDS", help="For how long a canary is watched.")
    ] = 60.0,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what would be done; change nothing that runs.")
    ] = False,
) -> None:
    """Build, push and roll out an application, and watch until all of it runs, or undo it all.

    Exit code 0: the new release runs, or it ran already. 9: it failed; the one before serves.

    [bold]Examples[/bold]
    beeyard deploy timeoff
    beeyard deploy timeoff --image registry.example.com/timeoff:1.4.2
    beeyard deploy timeoff --max-failed 0
    beeyard deploy timeoff --canary 10% --watch 300
    beeyard deploy timeoff --plan
    """
    options: Options = context.obj
    share = parse_share(canary) if canary is not None else None
    request = Request(builder, image, max_failed, share, watch)
    noting = None if plan else Change("deploy", application)
    with opened(options, application, noting) as deployer:
        done = deployer.plan(request)[1] if plan else deployer.deploy(request)
        if noting and isinstance(done, Outcome):
            noting.details["release"] = done.release.number
    if isinstance(done, Outcome):
        show_outcome(out(), done, as_data=options.json)
    elif options.json:
        sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n")
    else:
        sys.stdout.write("\n".join(done.lines()) + "\n")


def rollback(
    context: typer.Context,
    application: Application,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[N]", help="Which release. Default: the one before."),
    ] = None,
    max_failed: MaxFailed = None,
) -> None:
    """Bring an earlier release back, whole: images, environment, secrets, configs, routing.

    [bold]Examples[/bold]
    beeyard rollback timeoff
    beeyard rollback timeoff 12
    """
    options: Options = context.obj
    noting = Change("rollback", application, {"to": number or "the one before"})
    with opened(options, application, noting) as deployer:
        outcome = deployer.rollback(number, Request(max_failed=max_failed))
        noting.details["release"] = outcome.release.number
    show_outcome(out(), outcome, as_data=options.json)


def promote(context: typer.Context, application: Application) -> None:
    """Let a canary take over now, whatever is left of the time that it is watched for.

    [bold]Examples[/bold]
    beeyard promote timeoff
    """
    _decide(context.obj, application, "promote")


def abort(context: typer.Context, application: Application) -> None:
    """Take a canary away now; the release beside it goes on serving alone.

    [bold]Examples[/bold]
    beeyard abort timeoff
    """
    _decide(context.obj, application, "abort")


def _decide(options: Options, application: str, wish: Literal["promote", "abort"]) -> None:
    with opened(options, application, Change(wish, application)) as deployer:
        done = deployer.decide(wish)
    if isinstance(done, Outcome):
        show_outcome(out(), done, as_data=options.json)
    elif options.json:
        sys.stdout.write(json.dumps(as_json(done), indent=2) + "\n")
    else:
        show_releases(out(), [done])
    if isinstance(done, Entry) and done.succeeded != (wish == "promote"):
        raise typer.Exit(AppError.exit_code)


def releases(context: typer.Context, application: Application) -> None:
    """Show the releases that are kept: number, when, who, commit, image, verdict.

    [bold]Examples[/bold]
    beeyard releases timeoff
    beeyard releases timeoff --json | jq '.[-1].verdict'
    """
    options: Options = context.obj
    with looked_into(options, application) as deployer:
        entries = deployer.store.all()
    if options.json:
        sys.stdout.write(json.dumps([as_json(entry) for entry in entries], indent=2) + "\n")
        return
    show_releases(out(), entries)


def diff(
    context: typer.Context,
    application: Application,
    first: Annotated[
        int | None, typer.Argument(metavar="[N]", help="A release. Default: the one that runs.")
    ] = None,
    second: Annotated[
        int | None,
        typer.Argument(metavar="[M]", help="Another. Default: what runs."),
    ] = None,
) -> None:
    """Show what a deploy would change, or what changed between releases; secrets are masked.

    Without numbers: from what runs to what a deploy would make now. N: from release N to what runs.
    N and M: from release N to release M.

    [bold]Examples[/bold]
    beeyard diff timeoff
    beeyard diff timeoff 11 12
    """
    options: Options = context.obj
    with looked_into(options, application) as deployer:
        found = difference(deployer, first, second)
    if options.json:
        sys.stdout.write(json.dumps({"lines": found}, indent=2) + "\n")
        return
    colours = {"+": "green", "-": "red", "@": "cyan"}
    console = out()
    for line in found:
        colour = colours.get(line[:1])
        console.print(f"[{colour}]{escape(line)}[/{colour}]" if colour else escape(line))
    if not found:
        console.print("no difference")
