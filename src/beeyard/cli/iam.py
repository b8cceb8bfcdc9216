"""`beeyard iam-policy`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from beeyard.cli.options import Options
from beeyard.cli.tables import table
from beeyard.cli.view import out
from beeyard.cli.wiring import file_of
from beeyard.cli.words import Command
from beeyard.cloud.iam_policy import Statement, documents, statements
from beeyard.config import load
from beeyard.errors import Refused


def add_to(app: typer.Typer) -> None:
    """Put this module's command on the command line."""
    app.command(name="iam-policy", cls=Command)(iam_policy)


def iam_policy(
    context: typer.Context,
    part: Annotated[
        int | None,
        typer.Option(min=1, help="Which part, where IAM's limit of 6144 characters asks for more."),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each right what needs it.")
    ] = False,
) -> None:
    """Print the least rights on AWS that beeyard needs for this beeyard.yml, as a policy of IAM.

    It reaches no network. What a cluster has besides (a database, a zone) takes more rights: print
    it again after such a change.

    [bold]Examples[/bold]
    beeyard iam-policy > policy.json
    aws iam create-policy --policy-name beeyard --policy-document file://policy.json
    beeyard iam-policy --explain
    """
    options: Options = context.obj
    spec = load(file_of(options))
    found = statements(spec)
    if explain:
        _explain(found, out(), as_json=options.json)
        return
    parts = documents(spec)
    if part is None and len(parts) > 1:
        raise Refused(
            f"this cluster's policy has {len(parts)} parts, and all of them are needed",
            why="IAM takes 6144 characters for one policy",
            fix="\n".join(
                f"beeyard iam-policy --part {number} > policy-{number}.json"
                for number in range(1, len(parts) + 1)
            ),
        )
    if (part or 1) > len(parts):
        raise Refused(f"there is no part {part}", fix=f"--part 1 to --part {len(parts)}")
    sys.stdout.write(json.dumps(parts[(part or 1) - 1], indent=2) + "\n")


def _explain(found: tuple[Statement, ...], console: Console, *, as_json: bool) -> None:
    """Each right, and what needs it: measured, or by documentation."""
    if as_json:
        told = [{**asdict(right), "statement": one.sid} for one in found for right in one.rights]
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    rows = [
        (right.action, "documented" if right.documented else "measured", one.sid, right.why)
        for one in found
        for right in sorted(one.rights, key=lambda right: right.action)
    ]
    table(console, ("right", "known by", "statement", "what needs it"), rows)
