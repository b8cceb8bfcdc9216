"""`beeyard secret`: set, list and remove an application's secrets."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.text import Text

from beeyard.cli.applications import Application, looked_into
from beeyard.cli.completion import secret_names
from beeyard.cli.options import Options
from beeyard.cli.tables import table
from beeyard.cli.view import aside, out
from beeyard.cli.words import Command, Group
from beeyard.errors import AppError
from beeyard.secret import Secret
from beeyard.workflows.audit import Change
from beeyard.workflows.secrets import (
    SecretRow,
    SecretSet,
    list_secrets,
    remove_secret,
    set_application_secret,
)

_COLOURS = {"missing": "red", "next deploy": "yellow", "in use": "green"}

app = typer.Typer(
    name="secret", cls=Group, help="An application's secrets: set, listed, removed; never shown."
)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="As the stack file calls it.", autocompletion=secret_names),
]


def add_to(main: typer.Typer) -> None:
    """Put `secret` on the command line."""
    main.add_typer(app)


@app.command("set", cls=Command)
def set_(
    context: typer.Context,
    application: Application,
    name: Name,
    from_file: Annotated[
        Path | None,
        typer.Option("--from-file", metavar="FILE", help="Take the value from this file."),
    ] = None,
) -> None:
    """Give a secret a value, typed on a terminal, or from standard input or a file.

    What runs keeps the value that it has; the next deploy brings the new one.
    Line ends at the end of the value are left out.

    [bold]Examples[/bold]
    beeyard secret set timeoff timeoff_secret_key
    openssl rand -hex 32 | beeyard secret set timeoff timeoff_secret_key
    beeyard secret set timeoff timeoff_mail_key --from-file mail.pem
    """
    options: Options = context.obj
    with (
        looked_into(
            options, application, Change("secret.set", f"{application}/{name}")
        ) as deployer,
        aside(deployer.hosts.cluster.progress.listener),
    ):
        done = set_application_secret(deployer, name, value_of(name, from_file))
    if options.json:
        sys.stdout.write(json.dumps(asdict(done), indent=2) + "\n")
        return
    out().print(escape(_said(application, done)))


@app.command("ls", cls=Command)
def list_(context: typer.Context, application: Application) -> None:
    """Show the secrets: version, since when, which services have it, what is missing.

    [bold]Examples[/bold]
    beeyard secret ls timeoff
    beeyard secret ls timeoff --json | jq '.[] | select(.state == "missing").name'
    """
    options: Options = context.obj
    with looked_into(options, application) as deployer:
        rows = list_secrets(deployer)
    if options.json:
        sys.stdout.write(json.dumps([as_json(row) for row in rows], indent=2) + "\n")
        return
    columns = ("secret", "version", "set", "used by", "state")
    table(out(), columns, [_cells(row) for row in rows])


@app.command("rm", cls=Command)
def remove(context: typer.Context, application: Application, name: Name) -> None:
    """Remove a secret that no service and no kept release uses.

    [bold]Examples[/bold]
    beeyard secret rm timeoff timeoff_mail_key
    """
    options: Options = context.obj
    noting = Change("secret.rm", f"{application}/{name}")
    with looked_into(options, application, noting) as deployer:
        gone = remove_secret(deployer, name)
    if options.json:
        sys.stdout.write(json.dumps({"removed": gone}, indent=2) + "\n")
        return
    out().print(escape(f"removed {', '.join(gone)}"))


def value_of(name: str, file: Path | None) -> Secret:
    """The value from the file, or from whoever types or pipes it in. Raises AppError for what is no
    text."""
    if file is None and sys.stdin.isatty():
        return Secret(typer.prompt(f"{name}", hide_input=True, confirmation_prompt=True, err=True))
    try:
        data = file.read_bytes() if file else sys.stdin.buffer.read()
        return Secret(data.decode().rstrip("\r\n"))
    except OSError as error:
        raise AppError("the file can't be read", where=str(file), why=error.strerror) from error
    except UnicodeDecodeError:
        # Not the error's own words: they hold bytes of the secret.
        raise AppError(
            "the value is no text", where=str(file or "standard input"), fix="encode it: base64"
        ) from None


def as_json(row: SecretRow) -> dict[str, Any]:
    """A secret for `--json`."""
    when = row.set_at.isoformat() if row.set_at else None
    return asdict(row) | {"set_at": when, "state": row.state}


def _said(application: str, done: SecretSet) -> str:
    if done.running:
        return f"{done.name} has that value already: {done.version}"
    text = f"{done.name} is set: {done.version}\nbeeyard deploy {application} brings it to services"
    if done.wanted:
        return text
    return f"{text}, once the stack file names it as external"


def _cells(row: SecretRow) -> tuple[str | Text, ...]:
    version = "-" if row.version is None else row.version.removeprefix(f"{row.name}.")
    users = [*row.used_by, *(f"{service} (an earlier one)" for service in row.outdated)]
    return (
        row.name,
        "made by up" if version == row.name else version,
        row.set_at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if row.set_at else "-",
        ", ".join(users) or "-",
        Text(row.state, style=_COLOURS.get(row.state, "")),
    )
