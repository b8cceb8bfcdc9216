"""Commands on the rehearsal cloud itself: `beeyard sandbox status|down|ca`."""

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape

from beeyard import sandbox
from beeyard.cli.options import Options
from beeyard.cli.tables import show_rehearsal
from beeyard.cli.view import confirm, err, out
from beeyard.cli.wiring import file_of, folder_of, sockets_of
from beeyard.cli.words import Command, Group
from beeyard.cloud.workspace import remove
from beeyard.config import load
from beeyard.errors import SandboxError
from beeyard.process import LocalRunner
from beeyard.provision import close_connections

app = typer.Typer(name="sandbox", cls=Group, help="The rehearsal cloud on this machine.")
Name = Annotated[
    str | None, typer.Argument(help="The cluster's name. Default: that of beeyard.yml.")
]


@app.command(cls=Command)
def status(context: typer.Context, name: Name = None) -> None:
    """Show what a rehearsal is made of, and whether its supervisor lives; all, if none is named."""
    options: Options = context.obj
    names = [name] if name else sandbox.all_names()
    found = [sandbox.status(each) for each in names]
    if options.json:
        sys.stdout.write(json.dumps([asdict(each) for each in found], indent=2, default=str) + "\n")
        return
    if not found:
        out().print("there is no rehearsal on this machine")
    for index, each in enumerate(found):
        if index:
            out().print()
        show_rehearsal(out(), each)


@app.command(cls=Command)
def down(
    context: typer.Context,
    name: Name = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove a rehearsal with everything that belongs to it, whether or not its cloud answers."""
    options: Options = context.obj
    wanted = name or _name(options)
    confirm_removal(wanted, yes=yes)
    remove_rehearsal(options, wanted)


@app.command(cls=Command)
def ca(context: typer.Context, name: Name = None) -> None:
    """Print the path of the certificate that signs a rehearsal's certificates.

    [bold]Example[/bold]
    curl --cacert "$(beeyard sandbox ca)" https://traefik.beeyard.localhost
    """
    options: Options = context.obj
    wanted = name or _name(options)
    path = sandbox.ca_certificate(wanted)
    if not path.is_file():
        raise SandboxError(
            f"the rehearsal {wanted} has no certificate",
            why=f"there is no file {path}",
            fix="bring it up first: beeyard --sandbox up",
        )
    sys.stdout.write(json.dumps({"ca": str(path)}) + "\n" if options.json else f"{path}\n")


def confirm_removal(name: str, *, yes: bool) -> None:
    """Ask, unless `yes`. Raises Refused for a no, and where nobody can be asked."""
    if not yes:
        confirm(f"Remove the rehearsal {name} with all its data?")


def remove_rehearsal(options: Options, name: str) -> None:
    """Remove its containers, networks, volumes, supervisor and files, and say so."""
    sandbox.down(name, lambda line: err().print(escape(line)))
    close_connections(sockets_of(name, "sandbox"), LocalRunner())
    remove(folder_of(name, "sandbox"))
    if options.json:
        sys.stdout.write(json.dumps({"removed": name}) + "\n")
    else:
        out().print(f"the rehearsal {name} is gone")


def _name(options: Options) -> str:
    return load(file_of(options)).name
