"""`beeyard user` and `beeyard token`: who may use the controller, and what they may."""

import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import typer
from rich.markup import escape

from beeyard.cli.api import opened_api, path_of, print_json, value_given
from beeyard.cli.completion import application_names
from beeyard.cli.options import Options
from beeyard.cli.tables import table
from beeyard.cli.view import err, out
from beeyard.cli.words import Command, Group
from beeyard.errors import PipelineError
from beeyard.workflows.ci import Api

users = typer.Typer(name="user", cls=Group, help="Users of the controller, and their roles.")
tokens = typer.Typer(name="token", cls=Group, help="Tokens: for the API, and to push with Git.")

RoleName = Literal["viewer", "operator", "admin"]
User = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
#: As whom the API knows who has no token of their own.
_NOBODY = "operator-cli"
_TIMES = {"h": 3600, "d": 86400, "w": 7 * 86400}


def add_to(main: typer.Typer) -> None:
    """Put `user` and `token` on the command line."""
    main.add_typer(users)
    main.add_typer(tokens)


@users.command("ls", cls=Command)
def list_users(context: typer.Context) -> None:
    """List the users and their roles.

    [bold]Example[/bold]
    beeyard user ls
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.get("/api/users")
    if options.json:
        print_json(found)
        return
    rows = [
        (one["name"], one["role"], "password or token" if one["signs_in"] else "token")
        for one in found
    ]
    table(out(), ("user", "role", "signs in by"), rows)


@users.command("set", cls=Command)
def set_user(
    context: typer.Context,
    name: User,
    role: Annotated[RoleName, typer.Option(help="What they may. Each may what those before may.")],
    password_stdin: Annotated[
        bool,
        typer.Option(
            "--password-stdin", help="Take a password, too: from standard input, or typed."
        ),
    ] = False,
) -> None:
    """Add a user, or give one another role or password.

    Without a password they sign in by token only; one that they have stays.

    [bold]Examples[/bold]
    beeyard user set ada --role operator
    pass show beeyard/ada | beeyard user set ada --role admin --password-stdin
    """
    options: Options = context.obj
    body: dict[str, Any] = {"role": role}
    if password_stdin:
        body["password"] = value_given("password").reveal()
    with opened_api(options) as api:
        made = api.put(path_of("users", name), body)
    if options.json:
        print_json(made)
        return
    out().print(escape(f"{made['name']} is {made['role']}"))
    if not made["signs_in"]:
        out().print(escape(f"beeyard token create --user {made['name']} --name … gives a token"))


@users.command("rm", cls=Command)
def remove_user(context: typer.Context, name: User) -> None:
    """Remove a user, with all their tokens. Who is signed in is signed out.

    [bold]Example[/bold]
    beeyard user rm ada
    """
    options: Options = context.obj
    with opened_api(options) as api:
        api.delete(path_of("users", name))
    _removed(options, name)


@tokens.command("ls", cls=Command)
def list_tokens(context: typer.Context) -> None:
    """List tokens, never their values: your own; for an admin, everybody's.

    [bold]Example[/bold]
    beeyard token ls
    """
    options: Options = context.obj
    with opened_api(options) as api:
        found = api.get("/api/tokens")
    if options.json:
        print_json(found)
        return
    columns = ("id", "user", "name", "role", "application", "made", "expires")
    rows = [
        (
            *(one[key] for key in ("id", "user", "name", "role")),
            one["application"] or "all",
            one["made"][:10],
            (one["expires"] or "never")[:10],
        )
        for one in found
    ]
    table(out(), columns, rows)


@tokens.command("create", cls=Command)
def make_token(
    context: typer.Context,
    name: Annotated[str, typer.Option(metavar="WORDS", help="What it is for.")],
    role: Annotated[RoleName, typer.Option(help="What it may, at most what its user may.")] = (
        "operator"
    ),
    user: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose it is. Default: yours.")
    ] = None,
    application: Annotated[
        str,
        typer.Option(
            metavar="APP", help="Good for this one only.", autocompletion=application_names
        ),
    ] = "",
    expires: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Until then: 12h, 90d, 4w, or a date. Default: ever."),
    ] = None,
) -> None:
    """Make a token. Its value is printed now, alone on standard output, and never again.

    [bold]Examples[/bold]
    beeyard token create --user ada --name laptop --expires 90d
    beeyard token create --user ci --name hook --application timeoff > token
    """
    options: Options = context.obj
    body = {"name": name, "role": role, "user": user, "application": application}
    if expires is not None:
        body["expires"] = _end(context, expires)
    with opened_api(options) as api:
        if user is None:
            _must_be_somebody(api)
        made = api.post("/api/tokens", body)
        place = api.host.removeprefix("ci.")
    if options.json:
        print_json(made)
        return
    sys.stdout.write(f"{made['token']}\n")
    sys.stdout.flush()
    err().print(escape(_how_to_use(made, place)))


@tokens.command("rm", cls=Command)
def remove_token(
    context: typer.Context,
    token: Annotated[str, typer.Argument(metavar="ID", help="As `token ls` shows it.")],
) -> None:
    """Make a token good no more, from now on.

    [bold]Example[/bold]
    beeyard token rm 3f9a1c0b77de
    """
    options: Options = context.obj
    with opened_api(options) as api:
        api.delete(path_of("tokens", token))
    _removed(options, token)


def end_of(text: str, now: datetime) -> datetime:
    """The moment that is so long after `now` (`90d`), or that `text` names (ISO 8601; without a
    zone: UTC). Raises ValueError for what is neither, OverflowError for what no calendar has."""
    span = re.fullmatch(r"([1-9]\d*)([hdw])", text)
    if span:
        return now + timedelta(seconds=int(span[1]) * _TIMES[span[2]])
    named = datetime.fromisoformat(text)
    return named if named.tzinfo else named.replace(tzinfo=UTC)


def _end(context: typer.Context, text: str) -> str:
    try:
        return end_of(text, datetime.now(UTC)).isoformat()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            "write 12h, 90d, 4w, or a date such as 2030-01-31", context, param_hint="--expires"
        ) from None


def _must_be_somebody(api: Api) -> None:
    if api.get("/api/me")["user"] == _NOBODY:
        raise PipelineError(
            "whose token is it to be?",
            why="you came in by the cluster's own token, which stands for no user",
            fix="name one: --user NAME; `beeyard user set NAME --role operator` adds one",
        )


def _how_to_use(made: dict[str, Any], place: str) -> str:
    application = made["application"] or "APP"
    return (
        f"this is shown once. With Git it is the password, and {made['user']} the user name:\n"
        f"  git remote add beeyard https://git.{place}/{application}.git\n"
        "  git push beeyard main\n"
        "For commands: export BEEYARD_TOKEN"
    )


def _removed(options: Options, what: str) -> None:
    if options.json:
        print_json({"removed": what})
    else:
        out().print(escape(f"removed {what}"))
