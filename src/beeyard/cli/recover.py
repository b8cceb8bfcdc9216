"""`beeyard recover`: a Swarm whose only manager is lost, brought back."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from beeyard.cli.asking import Yes, asker
from beeyard.cli.backups import Key, reader_of
from beeyard.cli.options import Options
from beeyard.cli.view import out
from beeyard.cli.wiring import open_cluster
from beeyard.cli.words import Command
from beeyard.errors import UnverifiedError
from beeyard.workflows.audit import Change
from beeyard.workflows.recover import Recovered
from beeyard.workflows.recover import recover as run_recover


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    app.command(cls=Command)(recover)


def recover(
    context: typer.Context,
    yes: Yes = False,
    backup: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Which, as `backup ls` shows it. Default: the newest good one."
        ),
    ] = None,
    key: Key = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force",
            help="Also where the manager is not lost, or does not answer: it is terminated first.",
        ),
    ] = False,
) -> None:
    """Bring the Swarm back after its only manager was lost, from a backup of its state.

    Its machine is made anew, given that state, and the rest is done as by `up`. What was changed
    since the backup is lost. Cut short, it is run again.
    Exit code 0: all runs, with every service, secret, config and label of the backup. 10: not so.

    [bold]Examples[/bold]
    beeyard recover
    beeyard recover --yes --backup 20261126T030000Z-5f3a
    """
    options: Options = context.obj
    change = Change("recover")
    with open_cluster(options, noting=change) as cluster:
        ask = asker(options, cluster, yes=yes)
        done = run_recover(cluster, ask, reader_of(cluster, key), name=backup, force=force)
        change.details.update({"manager": done.manager, "backup": done.backup})
        seconds = dict(cluster.progress.seconds)
    if options.json:
        sys.stdout.write(json.dumps(_as_json(done, seconds), indent=2) + "\n")
    else:
        _show(out(), done)
    if done.different:
        raise UnverifiedError(
            f"the Swarm that came back is not what the backup {done.backup} says",
            why="\n".join(done.different),
            fix="see what is missing, and deploy it again",
        )


def _show(console: Console, done: Recovered) -> None:
    console.print(f"\n[bold green]{escape(done.manager)} is back.[/bold green]")
    console.print(
        f"  its state is of {done.taken_at:%Y-%m-%d %H:%M:%S} UTC, {done.rpo / 60:.0f} min old "
        f"(RPO); it took {done.rto:.0f} s (RTO)"
    )
    if not done.different:
        console.print(f"  {done.things} things compared by hash, all as in {escape(done.backup)}")
    for line in done.since:
        console.print(f"  since changed by what `up` does: {escape(line)}")


def _as_json(done: Recovered, seconds: dict[str, float]) -> dict[str, object]:
    return {
        "manager": done.manager,
        "backup": done.backup,
        "taken_at": done.taken_at.isoformat(),
        "rpo": round(done.rpo, 1),
        "rto": round(done.rto, 1),
        "compared": done.things,
        "different": list(done.different),
        "since": list(done.since),
        "seconds": {name: round(took, 2) for name, took in seconds.items()},
    }
