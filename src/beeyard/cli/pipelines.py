"""`beeyard pipeline exec`."""

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from beeyard.cli.dotenv import read_dotenv
from beeyard.cli.local_run import Wish, run_here, screen_for
from beeyard.cli.options import Options
from beeyard.cli.steps import show_result
from beeyard.cli.view import out
from beeyard.cli.words import Command, Group
from beeyard.errors import PipelineError
from beeyard.pipelines.event import EventKind
from beeyard.pipelines.local_event import LocalEvent
from beeyard.pipelines.outcome import Result
from beeyard.pipelines.parse import FILE_NAME
from beeyard.process import LocalRunner

app = typer.Typer(name="pipeline", cls=Group, help="Pipelines in the .drone.yml format.")

_SECONDS = {"h": 3600, "m": 60, "s": 1}


@app.command("exec", cls=Command)
def execute(  # noqa: PLR0913, PLR0917 (each is an option of the command line)
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="[FILE]", help="The pipelines' file.")] = Path(
        FILE_NAME
    ),
    event: Annotated[EventKind, typer.Option(help="The event that it is run for.")] = "push",
    branch: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The branch, or the tag. Default: what Git has checked out."
        ),
    ] = None,
    pipeline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="Which pipeline. Default: the one named default, or the only one."
        ),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="Run this step; may be given again.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="STEP", help="Leave this step out.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Secrets, a NAME=value on each line.")
    ] = None,
    env_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="More variables for every step.")
    ] = None,
    trusted: Annotated[
        bool, typer.Option("--trusted", help="Allow privileged steps, and this machine's paths.")
    ] = False,
    mount: Annotated[
        bool, typer.Option("--mount", help="Work in this folder itself, not in a copy of it.")
    ] = False,
    timeout: Annotated[
        str, typer.Option(metavar="TIME", help="Stop it after that, such as 90s or 1h30m.")
    ] = "1h",
) -> None:
    """Run a pipeline of this folder on your own Docker engine. No cluster is needed.

    Exit code 0: it went well. 12: a step failed, or it could not be run.

    [bold]Examples[/bold]
    beeyard pipeline exec
    beeyard pipeline exec --include test --secret-file secrets.txt
    beeyard pipeline exec --event tag --branch v1.2.0 --pipeline release
    """
    options: Options = context.obj
    wish = Wish(
        file=file,
        event=LocalEvent(Path.cwd(), LocalRunner()).event(event, branch),
        pipeline=pipeline,
        folder=Path.cwd(),
        mount=mount,
        trusted=trusted,
        secrets=read_dotenv(secret_file) if secret_file else {},
        variables=read_dotenv(env_file) if env_file else {},
        include=frozenset(include or ()),
        exclude=frozenset(exclude or ()),
        timeout=_seconds(context, timeout),
    )
    name, result = run_here(wish, screen_for(as_json=options.json))
    if options.json:
        sys.stdout.write(json.dumps({"pipeline": name} | asdict(result), indent=2) + "\n")
    else:
        show_result(out(), result)
    if result.state != "success":
        _fail(name, result, said=options.json)


def _fail(name: str, result: Result, *, said: bool) -> None:
    """Raise PipelineError, or, if the result was `said` as JSON, just leave with its code."""
    if said:
        raise typer.Exit(PipelineError.exit_code)
    step = result.failed
    words = {"killed": "was stopped", "error": "could not be run"}
    raise PipelineError(
        f"the pipeline {name} {words.get(result.state, 'failed')}",
        where=f"step {step.step}" if step else None,
        why=(step.reason if step else "") or result.reason or None,
    )


def _seconds(context: typer.Context, text: str) -> float:
    parts = re.findall(r"(\d+)([hms])", text)
    whole = "".join(f"{count}{unit}" for count, unit in parts) == text
    seconds = int(text) if text.isdecimal() else sum(int(n) * _SECONDS[unit] for n, unit in parts)
    if seconds < 1 or not (whole or text.isdecimal()):
        raise typer.BadParameter("write such as 90s, 30m or 1h30m", context, param_hint="--timeout")
    return float(seconds)
