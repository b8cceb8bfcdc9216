"""Commands that look into an application's tasks: `logs`, `exec`."""

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer

from beeyard.cli.applications import Application, looked_into
from beeyard.cli.completion import service_names
from beeyard.cli.options import Options
from beeyard.cli.signals import Stopped, stop_silently
from beeyard.cli.view import aside, err, out
from beeyard.cli.words import Command
from beeyard.errors import Interrupted
from beeyard.process import replace_by
from beeyard.swarm.logs import Excerpt
from beeyard.workflows.audit import Change
from beeyard.workflows.inside import Line, command_inside, place_of, read_logs

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "bright_cyan", "bright_yellow")
_SECONDS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_USUAL_TAIL = 100


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    app.command(cls=Command)(logs)
    app.command("exec", cls=Command)(execute)


def logs(
    context: typer.Context,
    application: Application,
    service: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVICE", help="One of its services.", autocompletion=service_names
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(metavar="AGO", help="From then on: 10m, 1h30m, or a time.")
    ] = None,
    tail: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="The last N lines of each task. Default: 100, or all since."
        ),
    ] = None,
    timestamps: Annotated[
        bool, typer.Option("--timestamps", help="Begin each line with its time.")
    ] = False,
) -> None:
    """Show what an application's tasks write, each line after its task and node.

    What they write to standard error goes there; with --json every line is an object.

    [bold]Examples[/bold]
    beeyard logs timeoff
    beeyard logs timeoff web -f --since 10m
    beeyard logs timeoff --json | jq -r 'select(.stream == "stderr").text'
    """
    options: Options = context.obj
    if tail is None and since is None:
        tail = _USUAL_TAIL
    excerpt = Excerpt(follow, _since(context, since), tail)
    show = _show_json if options.json else Shown(timestamps=timestamps)
    with (
        _until_stopped(follow=follow),
        looked_into(options, application) as deployer,
        aside(deployer.hosts.cluster.progress.listener),
    ):
        if follow:
            stop_silently()
        for line in read_logs(deployer.manager, application, service, excerpt):
            show(line)


def execute(
    context: typer.Context,
    application: Application,
    service: Annotated[
        str,
        typer.Argument(
            metavar="SERVICE", help="One of its services.", autocompletion=service_names
        ),
    ],
    command: Annotated[
        list[str], typer.Argument(metavar="CMD", help="What to run, after two dashes.")
    ],
    task: Annotated[
        str | None,
        typer.Option(
            metavar="N", help="In which task. Default: the first that runs. Or a node's name."
        ),
    ] = None,
) -> None:
    """Run a command beside the program of a running task; its exit code becomes ours.

    [bold]Examples[/bold]
    beeyard exec timeoff web -- sh
    beeyard exec timeoff web --task 2 -- python -m timeoff.probe
    """
    options: Options = context.obj
    # Not its arguments: they may hold a secret. How it ends is not known to us.
    noting = Change("exec", f"{application}/{service}", {"program": command[0]})
    with looked_into(options, application, noting) as deployer:
        place = place_of(deployer.manager, application, service, task)
        ssh_config = deployer.hosts.files.ssh_config
    # What is replaced can't close anything: the tunnel is closed by now.
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    replace_by(command_inside(ssh_config, place, command, terminal=terminal))


class Shown:
    """Lines as people read them, each task in a colour of its own."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps
        self._coloured = {
            "stdout": out().is_terminal and not out().no_color,
            "stderr": err().is_terminal and not err().no_color,
        }
        self._colours: dict[str, str] = {}

    def __call__(self, line: Line) -> None:
        stream = sys.stdout if line.stream == "stdout" else sys.stderr
        when = f"{line.time} " if self._timestamps else ""
        stream.write(f"{self._prefix(line)} | {when}{line.text}\n")
        stream.flush()

    def _prefix(self, line: Line) -> str:
        if not self._coloured[line.stream]:
            return line.origin
        colour = self._colours.setdefault(line.origin, _COLOURS[len(self._colours) % len(_COLOURS)])
        return typer.style(line.origin, fg=colour)


def _show_json(line: Line) -> None:
    sys.stdout.write(json.dumps(line.as_dict()) + "\n")
    sys.stdout.flush()


@contextmanager
def _until_stopped(*, follow: bool) -> Iterator[None]:
    """Followed, a log has no other end than Ctrl-C: nothing went wrong then."""
    if not follow:
        yield
        return
    try:
        yield
    except Stopped:
        raise typer.Exit(Interrupted.exit_code) from None


def _since(context: typer.Context, text: str | None) -> float:
    if text is None:
        return 0.0
    try:
        return moment(text)
    except ValueError:
        raise typer.BadParameter(
            "write 10m, 1h30m, 2d, or a time such as 2030-01-31T12:00:00Z",
            context,
            param_hint="--since",
        ) from None


def moment(text: str) -> float:
    """The Unix time that is so long ago (`1h30m`), or that `text` names (ISO 8601; without a zone:
    UTC). Raises ValueError for what is neither."""
    parts = re.findall(r"(\d+)([dhms])", text)
    if parts and "".join(f"{count}{unit}" for count, unit in parts) == text:
        return time.time() - sum(int(count) * _SECONDS[unit] for count, unit in parts)
    named = datetime.fromisoformat(text)
    return (named if named.tzinfo else named.replace(tzinfo=UTC)).timestamp()
