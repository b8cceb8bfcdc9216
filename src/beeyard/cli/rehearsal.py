"""Commands on the rehearsal cloud itself: `beeyard sandbox status|down|ca|fault`."""

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


@app.command(cls=Command)
def fault(
    context: typer.Context,
    faults: Annotated[
        list[str] | None,
        typer.Argument(metavar="SERVICE:ACTION=ANSWER[:CODE][*TIMES]", help="What goes wrong."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Nothing goes wrong any more.")] = False,
) -> None:
    """Rehearse bad luck: let the next calls of the AWS API fail. Without arguments, show what is
    still to come.

    ANSWER is throttle (called too often), fail (an error with CODE, which calling again does not
    mend), drop (the connection is closed) or hang (the same, after a minute without a word). ACTION
    is the API's name of the call; of EFS, S3 and Route 53, the HTTP method. What was ordered before
    is replaced.

    [bold]Examples[/bold]
    beeyard sandbox fault ec2:RunInstances=fail:InsufficientInstanceCapacity
    beeyard sandbox fault 'ec2:DescribeInstances=throttle*5' 'elasticfilesystem:POST=drop'
    beeyard sandbox fault --clear
    """
    options: Options = context.obj
    name = _name(options)
    endpoint = sandbox.status(name).endpoint
    if endpoint is None:
        raise SandboxError(
            f"the rehearsal {name} has no API", fix="bring it up first: beeyard --sandbox up"
        )
    if faults or clear:
        sandbox.order(endpoint, [sandbox.fault_of(text) for text in faults or ()])
    left = sandbox.ordered(endpoint)
    if options.json:
        sys.stdout.write(json.dumps([asdict(one) for one in left]) + "\n")
        return
    for one in left:
        out().print(f"{one.service} {one.action}: {one.answer} ({one.code}), {one.times} times")
    if not left:
        out().print("nothing is ordered to go wrong")


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
