"""Commands on nodes: `node ls|drain|activate|rm|replace|upgrade|forget-key`, and `rebalance`."""

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from beeyard.cli.asking import Yes, asker
from beeyard.cli.completion import node_names
from beeyard.cli.options import Options
from beeyard.cli.tables import table
from beeyard.cli.view import out
from beeyard.cli.wiring import open_cluster
from beeyard.cli.words import Command, Group
from beeyard.swarm.drain import Drained
from beeyard.workflows.alone import alone_in
from beeyard.workflows.audit import Change
from beeyard.workflows.nodes import (
    activate_node,
    drain_node,
    list_nodes,
    rebalance_tasks,
    remove_node,
)
from beeyard.workflows.pins import forget_host_key
from beeyard.workflows.turnover import replace_node
from beeyard.workflows.upgrade import upgrade_nodes

app = typer.Typer(name="node", cls=Group, help="The nodes of the Swarm: drain, activate, remove.")
Name = Annotated[
    str,
    typer.Argument(
        metavar="NODE", help="A node's name, as `node ls` shows it.", autocompletion=node_names
    ),
]


def add_to(main: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    main.add_typer(app)
    main.command(cls=Command)(rebalance)


@app.command(cls=Command)
def ls(context: typer.Context) -> None:
    """Show the nodes: role, state, availability, engine, and how many tasks run there.

    [bold]Examples[/bold]
    beeyard node ls
    beeyard node ls --json | jq '.[].availability'
    """
    options: Options = context.obj
    with open_cluster(options) as cluster:
        nodes = list_nodes(cluster)
    if options.json:
        _write([asdict(node) for node in nodes])
        return
    columns = ("node", "role", "state", "availability", "engine", "tasks")
    table(out(), columns, [[str(value) for value in asdict(node).values()] for node in nodes])


@app.command(cls=Command)
def drain(context: typer.Context, node: Name) -> None:
    """Empty a node: what runs there runs elsewhere before anything is stopped.

    If that can't be done, everything is put back, and the exit code is 8.

    [bold]Example[/bold]
    beeyard node drain worker-2
    """
    options: Options = context.obj
    noting = Change("node.drain", node)
    with open_cluster(options, noting=noting) as cluster, alone_in(cluster, f"node drain {node}"):
        done = drain_node(cluster, node)
    if options.json:
        _write(asdict(done))
    else:
        _show_drained(out(), done)


@app.command(cls=Command)
def activate(context: typer.Context, node: Name) -> None:
    """Let a node take tasks again, and undo a drain that was cut short.

    [bold]Example[/bold]
    beeyard node activate worker-2
    """
    options: Options = context.obj
    noting = Change("node.activate", node)
    with (
        open_cluster(options, noting=noting) as cluster,
        alone_in(cluster, f"node activate {node}"),
    ):
        name = activate_node(cluster, node)
    if options.json:
        _write({"node": name, "availability": "active"})
    else:
        out().print(f"{escape(name)} takes tasks; `beeyard rebalance` moves some there")


@app.command(cls=Command)
def rm(context: typer.Context, node: Name) -> None:
    """Take a node that is drained, or down, out of the Swarm. Its machine stays.

    [bold]Example[/bold]
    beeyard node rm worker-2
    """
    options: Options = context.obj
    noting = Change("node.rm", node)
    with open_cluster(options, noting=noting) as cluster, alone_in(cluster, f"node rm {node}"):
        name = remove_node(cluster, node)
    if options.json:
        _write({"removed": name})
    else:
        out().print(f"{escape(name)} is no member of the Swarm any more")


@app.command(cls=Command)
def replace(context: typer.Context, node: Name, yes: Yes = False) -> None:
    """Make a worker anew: its tasks run elsewhere, then its machine goes, and another joins.

    Also for one that is dead: then it is only forgotten, and made again.

    [bold]Example[/bold]
    beeyard node replace worker-2
    """
    options: Options = context.obj
    with open_cluster(options, noting=Change("node.replace", node)) as cluster:
        replace_node(cluster, node, asker(options, cluster, yes=yes))
    if options.json:
        _write({"replaced": node})
    else:
        out().print(f"{escape(node)} is a new machine")


@app.command(cls=Command)
def upgrade(
    context: typer.Context,
    node: Annotated[
        str | None,
        typer.Argument(metavar="[NODE]", help="Only this one.", autocompletion=node_names),
    ] = None,
    yes: Yes = False,
) -> None:
    """Upgrade packages, engine and Traefik, node by node: drained first, workers before managers.

    It stops at the first node that does not come back. Run again, it goes on from there.
    The only manager is upgraded where it stands; if it wants a reboot, that is said, and left to
    you, as for nodes that were drained before.

    [bold]Examples[/bold]
    beeyard node upgrade worker-1    that one first, to see
    beeyard node upgrade --yes
    """
    options: Options = context.obj
    with open_cluster(options, noting=Change("node.upgrade", node or "")) as cluster:
        done = upgrade_nodes(cluster, asker(options, cluster, yes=yes), node)
    if options.json:
        _write(asdict(done))
        return
    for name in done.nodes:
        out().print(escape(f"{name}: {', '.join(done.packages[name]) or 'went on, and is done'}"))
    for task in done.services:
        out().print(escape(task))
    for name in done.reboots:
        out().print(
            f"{escape(name)} wants a reboot, for a package that it has now, and was not rebooted: "
            f"it was not drained by this. When it may: beeyard ssh {escape(name)} sudo reboot"
        )
    if not done.nodes and not done.services:
        out().print("there is nothing to upgrade")


@app.command("forget-key", cls=Command)
def forget_key(context: typer.Context, node: Name, yes: Yes = False) -> None:
    """Forget the SSH host key that is pinned of a node, for all operators; `up` pins it anew.

    For a machine that was reinstalled by hand. Whatever answers at its address then is
    believed: see first that it is the machine.

    [bold]Example[/bold]
    beeyard node forget-key worker-2
    """
    options: Options = context.obj
    with open_cluster(options, noting=Change("node.forget-key", node)) as cluster:
        found = forget_host_key(cluster, node, asker(options, cluster, yes=yes))
    if options.json:
        _write({"node": node, "forgotten": found})
    elif found:
        out().print(f"the host key of {escape(node)} is forgotten; `beeyard up` pins another")
    else:
        out().print(f"no host key of {escape(node)} is pinned")


def rebalance(context: typer.Context) -> None:
    """Move tasks to nodes that have fewer of them, one at a time, the new one first.

    [bold]Example[/bold]
    beeyard rebalance
    """
    options: Options = context.obj
    noting = Change("rebalance")
    with open_cluster(options, noting=noting) as cluster, alone_in(cluster, "rebalance"):
        moved = rebalance_tasks(cluster)
    if options.json:
        _write([asdict(one) for one in moved])
        return
    if not moved:
        out().print("nothing gains from moving")
    for one in moved:
        out().print(escape(f"{one.service}: {_spread(one.before)}; now {_spread(one.after)}"))


def _show_drained(console: Console, done: Drained) -> None:
    for service in done.moved:
        console.print(escape(f"{service}: replaced elsewhere before it stopped"))
    for gap in done.stopped:
        missing = "" if gap.seconds is None else f", a task less for {gap.seconds:.1f} s"
        console.print(escape(f"{gap.service}: stopped first ({gap.why}){missing}"))
    console.print(escape(f"{done.node} is drained"))


def _spread(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{node} {count}" for node, count in counts.items())


def _write(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2) + "\n")
