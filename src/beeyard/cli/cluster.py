"""Commands on the cluster: `up`, `plan`, `status`, `down`, `provision`, `ssh`."""

import json
import sys
from contextlib import nullcontext
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape

from beeyard import sandbox
from beeyard.cli.asking import Yes, asker
from beeyard.cli.completion import node_names
from beeyard.cli.options import Options
from beeyard.cli.rehearsal import confirm_removal, remove_rehearsal
from beeyard.cli.tables import show_plan, show_status
from beeyard.cli.view import err, out
from beeyard.cli.wiring import file_of, open_cluster
from beeyard.cli.words import Command
from beeyard.config import load
from beeyard.errors import BeeyardError, render
from beeyard.process import replace_by
from beeyard.provision import PLAYBOOKS
from beeyard.workflows import (
    Kept,
    UpResult,
    hosts_of,
    run_down,
    run_plan,
    run_provision,
    run_status,
    run_up,
)
from beeyard.workflows.alone import alone_in
from beeyard.workflows.audit import Change
from beeyard.workflows.consent import Consent


def add_to(app: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    for command in (up, plan, status, down, provision):
        app.command(cls=Command)(command)
    # What follows the node is another program's, its options included.
    app.command(cls=Command, context_settings={"allow_interspersed_args": False})(ssh)


def up(
    context: typer.Context,
    yes: Yes = False,
    builder: Annotated[
        Literal["manager", "local"],
        typer.Option(help="Whose engine builds images: the first manager's, or this machine's."),
    ] = "manager",
    unlock: Annotated[
        bool,
        typer.Option("--unlock", help="Remove Terraform's locks that a lost machine left behind."),
    ] = False,
) -> None:
    """Bring the cluster to what beeyard.yml says, and end when all of it runs and answers.

    `beeyard plan` says beforehand what that would change. It asks before anything is made on AWS,
    and, in a rehearsal too, before anything goes, is made anew or restarts.

    [bold]Examples[/bold]
    beeyard --sandbox up    rehearse it: what it costs is this machine's time
    beeyard up --yes        make it on AWS without being asked
    """
    options: Options = context.obj
    with open_cluster(options, start=True, noting=Change("up")) as cluster:
        consent = Consent(
            make=asker(options, cluster, yes=yes),
            destroy=asker(options, cluster, yes=yes, rehearsal=True),
        )
        result = run_up(cluster, consent, builder, unlock=unlock)
    if options.json:
        sys.stdout.write(json.dumps(_up_as_json(result), indent=2) + "\n")
        return
    _show_up(out(), result)


def plan(context: typer.Context) -> None:
    """Say what `up` would change in cloud, hosts and Swarm; change nothing.

    What somebody changed by hand shows as well.
    Exit code 0: nothing to change. 2: something, or not all of it was seen.

    [bold]Examples[/bold]
    beeyard plan
    beeyard plan --json | jq '.layers[].changes[]'
    """
    options: Options = context.obj
    with open_cluster(options) as cluster:
        found = run_plan(cluster)
    if options.json:
        sys.stdout.write(json.dumps(found.as_dict(), indent=2) + "\n")
    else:
        show_plan(out(), found)
    if found.pending:
        raise typer.Exit(2)


def status(context: typer.Context) -> None:
    """Show cloud, nodes, services, certificates and URLs on one screen.

    Exit code 0: all is as it should be. 10: something is not.

    [bold]Examples[/bold]
    beeyard --sandbox status
    beeyard status --json | jq '.nodes[].state'
    """
    options: Options = context.obj
    with open_cluster(options) as cluster:
        found = run_status(cluster)
    if options.json:
        sys.stdout.write(json.dumps(found.as_dict(), indent=2) + "\n")
    else:
        show_status(out(), found)
    if not found.ok:
        raise typer.Exit(10)


def down(
    context: typer.Context,
    yes: Yes = False,
    purge: Annotated[
        bool,
        typer.Option(
            "--purge",
            help="Remove snapshots, the state bucket with all backups in it, and the SSH keys that "
            "open them, as well.",
        ),
    ] = False,
) -> None:
    """Take the cluster away. A rehearsal leaves nothing; on AWS, snapshots, state and backups stay,
    and the SSH keys that open these.

    [bold]Examples[/bold]
    beeyard --sandbox down --yes
    beeyard down --purge
    """
    options: Options = context.obj
    if options.sandbox:
        _down_rehearsal(options, yes=yes)
        return
    with open_cluster(options) as cluster:
        kept = run_down(cluster, asker(options, cluster, yes=yes), purge=purge)
    _show_kept(options, kept)


def provision(
    context: typer.Context,
    playbook: Annotated[
        str, typer.Argument(help=f"deploy, or one of its parts: {', '.join(PLAYBOOKS)}.")
    ] = "deploy",
    tags: Annotated[str, typer.Option(help="Only these tags, with commas between.")] = "",
    check: Annotated[
        bool, typer.Option("--check", help="Say what would change; change nothing.")
    ] = False,
) -> None:
    """Run the Ansible playbooks on the nodes, all or a part.

    [bold]Examples[/bold]
    beeyard provision --tags configure_efs
    beeyard provision deploy_swarm --check
    """
    options: Options = context.obj
    if playbook not in {"deploy", *PLAYBOOKS}:
        known = ", ".join(("deploy", *PLAYBOOKS))
        raise typer.BadParameter(f"there are {known}", context, param_hint="PLAYBOOK")
    noting = None if check else Change("provision", playbook, {"tags": tags})
    wanted = [tag for tag in tags.split(",") if tag]
    with (
        open_cluster(options, noting=noting) as cluster,
        nullcontext() if check else alone_in(cluster, "provision"),
    ):
        done = run_provision(cluster, playbook=playbook, tags=wanted, check=check)
    if options.json:
        figures = {"changed": done.total, "hosts": dict(done.changed), "tasks": list(done.tasks)}
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    for task in done.tasks:
        out().print(f"changed  {escape(task)}")
    out().print(f"changed={done.total}")


def ssh(
    context: typer.Context,
    node: Annotated[
        str,
        typer.Argument(
            metavar="NODE", help="A node's name, as `status` shows it.", autocompletion=node_names
        ),
    ],
    command: Annotated[
        list[str] | None, typer.Argument(help="What to run there. Default: a shell.")
    ] = None,
) -> None:
    """Sign in to a node, or run a command there.

    [bold]Examples[/bold]
    beeyard ssh manager-1
    beeyard ssh worker-2 sudo docker ps --all
    """
    options: Options = context.obj
    remote = command[1:] if command and command[0] == "--" else command or []
    with open_cluster(options) as cluster:
        hosts = hosts_of(cluster)
        names = [host.name for host in hosts.inventory.hosts]
    if node not in names:
        raise typer.BadParameter(f"there are {', '.join(names)}", context, param_hint="NODE")
    terminal = ["-t"] if sys.stdin.isatty() and not remote else []
    replace_by(["ssh", "-F", str(hosts.files.ssh_config), *terminal, node, *remote])


def _down_rehearsal(options: Options, *, yes: bool) -> None:
    """Destroy as on AWS where the rehearsal's cloud answers; then, whatever became of that, remove
    what it was made of."""
    name = load(file_of(options)).name
    confirm_removal(name, yes=yes)
    if sandbox.status(name).running:
        try:
            with open_cluster(options) as cluster:
                run_down(cluster, lambda _: None, purge=True)
        except BeeyardError as error:
            err().print(f"[yellow]on AWS this would end here:[/yellow]\n{escape(render(error))}")
    remove_rehearsal(options, name)


def _show_up(console: Console, result: UpResult) -> None:
    console.print(f"\n[bold green]It runs.[/bold green] {result.changes} changes.")
    for url in sorted({answer.url for answer in result.answers}):
        console.print(f"  {escape(url)}")
    for name, why in result.skipped.items():
        console.print(f"  [yellow]{escape(name)} skipped: {escape(why)}[/yellow]")


def _up_as_json(result: UpResult) -> dict[str, object]:
    return {
        "changes": result.changes,
        "urls": sorted({answer.url for answer in result.answers}),
        "skipped": result.skipped,
        "seconds": {name: round(seconds, 2) for name, seconds in result.seconds.items()},
    }


def _show_kept(options: Options, kept: Kept) -> None:
    if options.json:
        keys = [str(path) for path in kept.keys]
        figures = {"bucket": kept.bucket, "snapshots": list(kept.snapshots), "keys": keys}
        sys.stdout.write(json.dumps(figures) + "\n")
        return
    console = out()
    console.print("the cluster is gone")
    for snapshot in kept.snapshots:
        console.print(f"  kept: database snapshot {escape(snapshot)}")
    if kept.bucket:
        console.print(f"  kept: state bucket {escape(kept.bucket)}")
    for path in kept.keys:
        console.print(f"  kept: SSH key {escape(str(path))}, which opens backups of its time")
    if str(kept):
        console.print("  `beeyard down --purge` removes these too")
