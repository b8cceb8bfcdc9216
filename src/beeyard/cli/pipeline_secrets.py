"""`beeyard pipeline secret`: what an application's pipelines get by `from_secret`."""

from typing import Annotated

import typer
from rich.markup import escape

from beeyard.cli.api import opened_api, path_of, print_json, value_given
from beeyard.cli.applications import Application
from beeyard.cli.options import Options
from beeyard.cli.tables import table
from beeyard.cli.view import out
from beeyard.cli.words import Command, Group

app = typer.Typer(
    name="secret", cls=Group, help="Secrets of an application's pipelines; never shown."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As `from_secret` calls it.")]


def add_to(pipeline: typer.Typer) -> None:
    """Put `secret` below `pipeline`."""
    pipeline.add_typer(app)


@app.command("set", cls=Command)
def set_(
    context: typer.Context,
    application: Application,
    name: Name,
    pull_requests: Annotated[
        bool,
        typer.Option("--pull-requests", help="Pull requests get it, too; never those from forks."),
    ] = False,
) -> None:
    """Give a secret a value, typed on a terminal, or from standard input.

    Line ends at the end of the value are left out. Runs from now on have it.

    [bold]Examples[/bold]
    beeyard pipeline secret set timeoff registry_password
    beeyard pipeline secret set timeoff ssh_key < id_ed25519
    beeyard pipeline secret set timeoff test_key --pull-requests
    """
    options: Options = context.obj
    value = value_given(name)
    body = {"value": value.reveal(), "allow_pull_request": pull_requests}
    with opened_api(options) as api:
        api.put(path_of("applications", application, "secrets", name), body)
    if options.json:
        print_json({"name": name, "allow_pull_request": pull_requests})
    else:
        out().print(escape(f"{name} is set"))


@app.command("ls", cls=Command)
def list_(context: typer.Context, application: Application) -> None:
    """List the secrets: since when, by whom, and whether pull requests get them.

    [bold]Example[/bold]
    beeyard pipeline secret ls timeoff
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.get(path_of("applications", application, "secrets"))
    if options.json:
        print_json(found)
        return
    rows = [
        (
            one["name"],
            one["at"].replace("T", " ")[:19],
            one["by"],
            "yes" if one["allow_pull_request"] else "no",
        )
        for one in found
    ]
    table(out(), ("secret", "set", "by", "pull requests"), rows)


@app.command("rm", cls=Command)
def remove(context: typer.Context, application: Application, name: Name) -> None:
    """Remove a secret. A run that asks for it fails from now on.

    [bold]Example[/bold]
    beeyard pipeline secret rm timeoff test_key
    """
    options: Options = context.obj
    with opened_api(options) as api:
        api.delete(path_of("applications", application, "secrets", name))
    if options.json:
        print_json({"removed": name})
    else:
        out().print(escape(f"removed {name}"))
