"""`beeyard backup create|ls|verify|restore`."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from beeyard.backup import KINDS, Backup, Kind
from beeyard.cli.asking import Yes, asker
from beeyard.cli.options import Options
from beeyard.cli.tables import table
from beeyard.cli.view import aside, out
from beeyard.cli.wiring import open_cluster
from beeyard.cli.words import Command, Group
from beeyard.errors import Refused, UnverifiedError
from beeyard.secret import Secret
from beeyard.workflows import Cluster, hosts_of
from beeyard.workflows.alone import alone_in
from beeyard.workflows.audit import Change
from beeyard.workflows.backup_overview import Age, Overview, begin_snapshot, overview
from beeyard.workflows.backups import Reader, Tried, open_backups, store_of

app = typer.Typer(
    name="backup", cls=Group, help="The cluster's data: taken to S3, proved, and put back."
)
_KINDS = "database, files or raft"
KindArgument = Annotated[Kind, typer.Argument(metavar="KIND", help=f"{_KINDS}.")]
Name = Annotated[
    str | None,
    typer.Argument(metavar="ID", help="Which, as `backup ls` shows it. Default: the newest."),
]
Key = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The SSH private key that opens it. Default: the cluster's own."
    ),
]


def add_to(main: typer.Typer) -> None:
    """Put this module's commands on the command line."""
    main.add_typer(app)


@app.command(cls=Command)
def create(
    context: typer.Context,
    kinds: Annotated[
        list[str] | None,
        typer.Argument(metavar="KIND…", help=f"{_KINDS}. Default: all that the cluster has."),
    ] = None,
    snapshot: Annotated[
        bool,
        typer.Option("--snapshot", help="Have RDS make a snapshot of its own of the database too."),
    ] = False,
) -> None:
    """Take backups now, encrypted on the node; then remove those that are kept no more.

    [bold]Examples[/bold]
    beeyard backup create
    beeyard backup create database --snapshot
    """
    options: Options = context.obj
    wanted = [kind for kind in KINDS if kind in (kinds or [])]
    if len(wanted) < len(set(kinds or [])):
        raise typer.BadParameter(f"there are {', '.join(KINDS)}", context, param_hint="KIND")
    change = Change("backup.create", ",".join(wanted))
    with open_cluster(options, noting=change) as cluster, alone_in(cluster, "backup create"):
        begun = begin_snapshot(cluster, datetime.now(UTC)) if snapshot else None
        made = open_backups(hosts_of(cluster)).create(wanted)
        change.details["made"] = ", ".join(f"{one.kind} {one.id}" for one in made)
    if options.json:
        _write({"made": [_as_json(one) for one in made], "snapshot": begun})
        return
    for one in made:
        out().print(escape(f"{one.kind} {one.id}: {_size(one.manifest.size)}"))
    if begun:
        out().print(f"RDS makes the snapshot {begun}; it stays until somebody deletes it")


@app.command(cls=Command)
def ls(context: typer.Context) -> None:
    """Show the backups, and how old the data would be that each kind gives back.

    [bold]Examples[/bold]
    beeyard backup ls
    beeyard backup ls --json | jq '.ages[] | {kind, rpo, rto}'
    """
    options: Options = context.obj
    with open_cluster(options) as cluster:
        found = overview(cluster, store_of(cluster), datetime.now(UTC))
    if options.json:
        _write(
            {
                "ages": [asdict(one) for one in found.ages],
                "backups": [_as_json(one) for one in found.backups],
                "leftovers": [asdict(one) for one in found.leftovers],
                "snapshots": [asdict(one) for one in found.snapshots],
            }
        )
        return
    _show(found)
    if options.sandbox:
        out().print("AWS Backup of the shared files is not rehearsed: docs/fidelity.md")


@app.command(cls=Command)
def verify(context: typer.Context, kind: KindArgument, name: Name = None, key: Key = None) -> None:
    """Restore a backup into a scratch place, and compare each row or file with what was taken.

    Exit code 0: it was as it was. 10: it was not.

    [bold]Examples[/bold]
    beeyard backup verify database
    beeyard backup verify files 20261126T030000Z-5f3a
    """
    options: Options = context.obj
    with open_cluster(options) as cluster:
        tried = open_backups(hosts_of(cluster)).verify(kind, name, reader_of(cluster, key))
    _report(options, tried, "restored into a scratch place")


@app.command(cls=Command)
def restore(
    context: typer.Context,
    kind: KindArgument,
    name: Name = None,
    key: Key = None,
    without_before: Annotated[
        bool,
        typer.Option(
            "--without-before",
            help="Don't back up what is there now: it is lost. For when that fails.",
        ),
    ] = False,
    yes: Yes = False,
) -> None:
    """Put a backup back, in place of what is there; that is backed up first.

    The backup is read to its end before anything is touched.

    [bold]Examples[/bold]
    beeyard backup restore database
    beeyard backup restore files 20261126T030000Z-5f3a --yes
    """
    options: Options = context.obj
    change = Change("backup.restore", kind)
    with open_cluster(options, noting=change) as cluster:
        ask = asker(options, cluster, yes=yes, rehearsal=True)
        backups = open_backups(hosts_of(cluster))
        reader = reader_of(cluster, key)
        tried = backups.restore(kind, name, reader, ask, keep_before=not without_before)
        change.details["id"] = tried.backup.id
    _report(options, tried, "put back")


def reader_of(cluster: Cluster, key: Path | None) -> Reader:
    def ask(path: Path) -> Secret:
        if not sys.stdin.isatty():
            raise Refused(
                f"the SSH key {path} has a passphrase, and nobody is there to be asked",
                fix="run it on a terminal, or name a key without one: --key FILE",
            )
        with aside(cluster.progress.listener):
            return Secret(typer.prompt(f"Passphrase of {path}", hide_input=True, err=True))

    return Reader(key or cluster.key, ask)


def _report(options: Options, tried: Tried, what: str) -> None:
    """What came of it; raises UnverifiedError where it was not as it should be."""
    manifest = tried.backup.manifest
    if options.json and not tried.problems:
        _write(
            _as_json(tried.backup)
            | {"rto": tried.seconds, "rpo": tried.age, "before": tried.before}
        )
        return
    if tried.problems:
        raise UnverifiedError(
            f"the backup {manifest.kind} {manifest.id}, {what}, is not what was taken",
            why="\n".join(tried.problems),
            fix="use another one: beeyard backup ls"
            + (f"; what was there before is {tried.before}" if tried.before else ""),
        )
    entries = sum(fact.count for fact in manifest.facts.values())
    out().print(
        escape(
            f"{manifest.kind} {manifest.id} is {what}: {len(manifest.facts)} parts with {entries} "
            f"entries, all as they were{_without(tried.backup)}. "
            f"It took {tried.seconds:.1f} s (RTO); its data is {span(tried.age)} old (RPO)."
        )
    )
    if tried.before:
        out().print(escape(f"what was there before is the backup {tried.before}"))


def _without(one: Backup) -> str:
    left_out = ", ".join(one.manifest.left_out)
    return f"; it is INCOMPLETE: without {left_out}" if left_out else ""


def _show(found: Overview) -> None:
    console = out()
    table(console, ("kind", "newest good", "data is", "last restore took", ""), _ages(found.ages))
    columns = ("backup", "kind", "data of (UTC)", "size", "took", "state")
    table(console, columns, [_row(one) for one in found.backups])
    for left in found.leftovers:
        console.print(f"[yellow]no backup: {escape(f'{left.kind} {left.id}: {left.why}')}[/yellow]")
    for one in found.snapshots:
        when = f"{one.taken_at:%Y-%m-%d %H:%M:%S} UTC" if one.taken_at else "now"
        console.print(escape(f"RDS snapshot {one.id}: {one.kind}, {one.state}, of {when}"))


def _ages(ages: Sequence[Age]) -> list[list[str]]:
    return [
        [
            one.kind,
            one.id or "none",
            f"{span(one.rpo)} old" if one.rpo is not None else "lost",
            span(one.rto) if one.rto is not None else "never tried",
            "LATE" if one.late else "",
        ]
        for one in ages
    ]


def _row(one: Backup) -> list[str]:
    manifest = one.manifest
    state: str = one.state
    if one.proof is not None:
        state = f"{state} {one.proof.at:%Y-%m-%d %H:%M}" + (
            f": {one.proof.problems[0]}" if one.proof.problems else ""
        )
    if one.before is not None:
        state = f"{state}, before the restore of {one.before}"
    if manifest.left_out:
        state = f"{state}, INCOMPLETE: without {', '.join(manifest.left_out)}"
    when = f"{manifest.taken_at:%Y-%m-%d %H:%M:%S}"
    return [
        manifest.id,
        manifest.kind,
        when,
        _size(manifest.size),
        f"{manifest.seconds:.1f} s",
        state,
    ]


def span(seconds: float) -> str:
    """A span of time in two units at most."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    named = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(named[:2]) or "0 s"


def _size(size: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


def _as_json(one: Backup) -> dict[str, Any]:
    """Without what decrypts it, which is of no use to a reader."""
    manifest = asdict(one.manifest)
    del manifest["key"]
    proof = asdict(one.proof) if one.proof else None
    left_out = one.manifest.left_out
    return {**manifest, "state": one.state, "left_out": left_out, "proof": proof}


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{value!r} has no form in JSON")


def _write(data: Any) -> None:
    sys.stdout.write(json.dumps(data, indent=2, default=_plain) + "\n")
