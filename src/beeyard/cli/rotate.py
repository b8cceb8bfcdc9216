"""`beeyard rotate`: keys and passwords that beeyard made, made anew, one command each."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from beeyard.cli.applications import Application, opened
from beeyard.cli.asking import Yes, asker
from beeyard.cli.completion import secret_names
from beeyard.cli.options import Options
from beeyard.cli.view import out
from beeyard.cli.wiring import file_of, open_cluster
from beeyard.cli.words import Command, Group
from beeyard.workflows import Cluster, hosts_of
from beeyard.workflows.alone import alone_in
from beeyard.workflows.audit import Change
from beeyard.workflows.cloud import read_outputs
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.operators import refuse_lockout
from beeyard.workflows.rotate_application import (
    Rotated,
    rotate_admin_password,
    rotate_database_password,
    rotate_secret,
)
from beeyard.workflows.rotate_passwords import refuse
from beeyard.workflows.rotate_passwords import rotate as rotate_passwords
from beeyard.workflows.rotate_ssh import rotate_ssh_key
from beeyard.workflows.rotate_swarm import rotate_ca, rotate_join_tokens
from beeyard.workflows.rotating import rotating
from beeyard.workflows.schedule import hosts_to_play

app = typer.Typer(
    name="rotate",
    cls=Group,
    help="Keys and passwords that beeyard made, made anew. Cut short, run the command again.",
)


def add_to(main: typer.Typer) -> None:
    """Put `rotate` on the command line."""
    main.add_typer(app)


@app.command("ssh-key", cls=Command)
def ssh_key(
    context: typer.Context,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FILE", help="Change over to this private key, FILE.pub beside it."
        ),
    ] = None,
    yes: Yes = False,
) -> None:
    """Sign in to the nodes with a new SSH key: added, proved by a login, then the old one removed.

    The one that beeyard made is made anew; one of your own is changed for another.

    [bold]Examples[/bold]
    beeyard rotate ssh-key
    ssh-keygen -t ed25519 -f ~/.ssh/bees && beeyard rotate ssh-key --to ~/.ssh/bees
    """
    options: Options = context.obj
    with open_cluster(options, noting=Change("rotate", "ssh-key")) as cluster:
        done = rotate_ssh_key(
            cluster,
            asker(options, cluster, yes=yes),
            to=to.expanduser().absolute() if to else None,
            file=file_of(options),
        )
    text = f"{', '.join(done.nodes)} let in {done.file}, and the old key no more"
    if to:
        text += f"\nname it from now on: `ssh.key` in beeyard.yml, or BEEYARD_SSH_KEY={done.file}"
    _tell(options, asdict(done), text)


@app.command("database-password", cls=Command)
def database_password(context: typer.Context, application: Application, yes: Yes = False) -> None:
    """Give an application another user and password for its database, by a rolling update.

    Two users take turns: the old one is good until nothing runs with it, then it is
    locked. The administrator's password is another afterwards as well.

    [bold]Example[/bold]
    beeyard rotate database-password timeoff
    """
    options: Options = context.obj
    noting = Change("rotate", f"database-password {application}")
    with opened(options, application, noting) as deployer:
        cluster = deployer.hosts.cluster
        asker(options, cluster, yes=yes)(
            f"{application} is deployed anew with another password; the old one ends"
        )
        with rotating(cluster, f"rotate {noting.on}", lambda _: deployer.hosts):
            done = rotate_database_password(deployer)
    _tell(options, [asdict(one) for one in done], "\n".join(map(_words, done)))


@app.command("secret", cls=Command)
def secret(
    context: typer.Context,
    application: Application,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="As the stack file calls it.", autocompletion=secret_names
        ),
    ],
    yes: Yes = False,
) -> None:
    """Make a secret of source `generate` anew, and deploy the application with it.

    What was signed or encrypted with the old one can't be read by the new: sessions
    end, such as.

    [bold]Example[/bold]
    beeyard rotate secret timeoff timeoff_secret_key
    """
    options: Options = context.obj
    noting = Change("rotate", f"secret {application}/{name}")
    with opened(options, application, noting) as deployer:
        cluster = deployer.hosts.cluster
        asker(options, cluster, yes=yes)(f"{application} is deployed anew with another {name}")
        with rotating(cluster, f"rotate {noting.on}", lambda _: deployer.hosts):
            done = rotate_secret(deployer, name)
    _tell(options, asdict(done), _words(done))


@app.command("database-admin-password", cls=Command)
def database_admin_password(context: typer.Context, yes: Yes = False) -> None:
    """Give the database server's administrator another password, which is kept nowhere.

    Whatever beeyard does as the administrator, it does with a new password each time.

    [bold]Example[/bold]
    beeyard rotate database-admin-password
    """
    options: Options = context.obj
    with open_cluster(options, noting=Change("rotate", "database-admin-password")) as cluster:
        hosts = hosts_of(cluster)
        asker(options, cluster, yes=yes)("the password of the database's administrator ends")
        with alone_in(cluster, "rotate database-admin-password"):
            rotate_admin_password(cluster, hosts)
    _tell(options, {"rotated": "database-admin-password"}, "the administrator has a new password")


@app.command("join-tokens", cls=Command)
def join_tokens(context: typer.Context, yes: Yes = False) -> None:
    """Make the tokens anew with which nodes join the Swarm; members stay members.

    [bold]Example[/bold]
    beeyard rotate join-tokens
    """
    options: Options = context.obj
    with open_cluster(options, noting=Change("rotate", "join-tokens")) as cluster:
        hosts_of(cluster)  # Nothing is asked about, or locked, where there is no cluster.
        asker(options, cluster, yes=yes)("the Swarm's join tokens end")
        with (
            rotating(cluster, "rotate join-tokens", hosts_of) as hosts,
            hosts.swarm() as manager,
            cluster.progress.phase("join tokens") as phase,
        ):
            rotate_join_tokens(manager)
            phase.result = "both are new"
    _tell(options, {"rotated": "join-tokens"}, "no node joins with the old tokens any more")


@app.command("ca", cls=Command)
def ca(context: typer.Context, yes: Yes = False) -> None:
    """Make the root of the Swarm's certificates anew, and wait until every node has one of it.

    [bold]Example[/bold]
    beeyard rotate ca
    """
    options: Options = context.obj
    with open_cluster(options, noting=Change("rotate", "ca")) as cluster:
        hosts_of(cluster)
        asker(options, cluster, yes=yes)("the Swarm's root certificate ends")
        with (
            rotating(cluster, "rotate ca", hosts_of) as hosts,
            hosts.swarm() as manager,
            cluster.progress.phase("certificates of the Swarm") as phase,
        ):
            count = rotate_ca(manager, cluster.clock, phase)
            phase.result = f"{count} nodes have new ones"
    _tell(options, {"rotated": "ca", "nodes": count}, f"{count} nodes have new certificates")


@app.command("registry-password", cls=Command)
def registry_password(context: typer.Context, yes: Yes = False) -> None:
    """Make the password of the cluster's registry anew, and sign in everywhere with it.

    The registry is away for some seconds; what runs is not touched.

    [bold]Example[/bold]
    beeyard rotate registry-password
    """
    _password(context, "registry-password", yes=yes)


@app.command("dashboard-password", cls=Command)
def dashboard_password(context: typer.Context, yes: Yes = False) -> None:
    """Make the dashboards' password anew.

    Traefik is started anew with it: with one manager, no address answers for some seconds.

    [bold]Examples[/bold]
    beeyard rotate dashboard-password
    beeyard ssh manager-1 sudo cat /etc/beeyard/secrets/dashboard_password
    """
    _password(context, "dashboard-password", yes=yes)


@app.command("pipeline-keys", cls=Command)
def pipeline_keys(context: typer.Context, yes: Yes = False) -> None:
    """Make the controller's tokens and SSH key anew, and a key for pipelines' secrets.

    Secrets that are kept stay readable: they are encrypted with the new key when they
    are set again. Pushes wait some seconds; pipelines that run begin anew.

    [bold]Example[/bold]
    beeyard rotate pipeline-keys
    """
    _password(context, "pipeline-keys", yes=yes)


def _password(context: typer.Context, name: str, *, yes: bool) -> None:
    options: Options = context.obj
    with open_cluster(options, noting=Change("rotate", name)) as cluster:
        refuse(cluster.spec, name)
        refuse_lockout(cluster)
        _to_play(cluster)
        asker(options, cluster, yes=yes)(f"{name}: the old ends, and what uses it is deployed anew")
        with rotating(cluster, f"rotate {name}", _to_play) as hosts:
            rotate_passwords(cluster, hosts, name)
    _tell(options, {"rotated": name}, f"{name}: made anew, and in use")


def _to_play(cluster: Cluster) -> Hosts:
    return hosts_to_play(cluster, read_outputs(cluster))


def _words(done: Rotated) -> str:
    runs = f"release {done.release} runs with it" if done.release else "everything runs with it"
    return f"{done.secret} is {done.version}; {runs}"


def _tell(options: Options, data: Any, text: str) -> None:
    if options.json:
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
    else:
        out().print(escape(text))
