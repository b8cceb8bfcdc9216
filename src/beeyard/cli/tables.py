"""What there is, on one screen: a cluster's `status`, what `up` would change, and what a rehearsal
is made of.

Columns are as wide as what is in them. A line too long for the terminal is left to it to wrap, so
that a URL can always be copied, and a pipe gets one line for each thing.
"""

from collections.abc import Iterator, Sequence
from textwrap import indent

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from beeyard.sandbox import ContainerStatus, SandboxStatus
from beeyard.workflows import ClusterPlan, Status
from beeyard.workflows.plan_report import Step

Row = Sequence[str | Text]


def show_status(console: Console, status: Status) -> None:
    """Print cloud, nodes, services, and URLs with their certificates."""
    mark = "[green]all well[/green]" if status.ok else "[red]not well[/red]"
    console.print(f"[bold]{escape(status.name)}[/bold] in {status.region} ({status.world}): {mark}")
    console.print(f"shared files {status.file_system}, database {status.database or 'none'}")
    if status.problem:
        console.print(f"[red]the Swarm could not be asked: {escape(status.problem)}[/red]")
    table(console, ("node", "role", "zone", "address", "type", "state"), _nodes(status))
    if status.services:
        table(console, ("service", "replicas", "nodes"), _services(status))
    table(console, ("url", "way in", "until", "certificate by", "answer"), _urls(status))
    warnings = [*_backups(status)]
    if status.skipped or warnings:
        console.print()
    for text in warnings:
        console.print(f"[yellow]{escape(text)}[/yellow]")
    for name, why in status.skipped.items():
        console.print(f"[yellow]{escape(name)} skipped: {escape(why)}[/yellow]")


def _backups(status: Status) -> Iterator[str]:
    """What is missing of the backups that should be there."""
    for one in status.backups:
        if one.late and one.age is not None:
            hours = one.age / 3600
            yield f"the newest good backup of {one.kind} is LATE: {one.id}, {hours:.0f} hours old"
        elif one.late:
            yield f"there is no good backup of {one.kind} yet"
    if status.schedule:
        yield f"the schedule of backups: {status.schedule}: see docs/backups.md"


def show_plan(console: Console, plan: ClusterPlan) -> None:
    """Print what would change, what stays that somebody set by hand, and what was not seen."""
    mark = (
        f"[yellow]{_many(plan.changes, 'change')}[/yellow]"
        if plan.pending
        else "[green]nothing to change[/green]"
    )
    console.print(f"[bold]{escape(plan.name)}[/bold] in {plan.region} ({plan.world}): {mark}")
    if plan.holder:
        console.print(f"[yellow]being changed right now: {escape(plan.holder)}[/yellow]")
    if plan.to_make:
        console.print(f"to be made:\n{escape(indent(plan.to_make, '  '))}")
    for layer in plan.layers:
        seen = "" if layer.steps or not layer.unseen else " to be seen"
        console.print(f"\n[bold]{layer.name}[/bold]: {_many(len(layer.steps), 'change')}{seen}")
        if layer.steps:
            table(console, *_steps(layer.steps))
        for remark in layer.unseen:
            console.print(
                f"[red]not looked at: {escape(remark.where)}: {escape(remark.text)}[/red]"
            )
        for remark in layer.stays:
            console.print(f"[yellow]stays: {escape(remark.where)}: {escape(remark.text)}[/yellow]")


def show_rehearsal(console: Console, status: SandboxStatus) -> None:
    """Print whether a rehearsal lives, where it answers, its containers, and what is wrong."""
    if not status.exists:
        console.print(f"[bold]{escape(status.name)}[/bold]: there is no such rehearsal")
        return
    mark = "[green]running[/green]" if status.running else "[red]not running[/red]"
    console.print(f"[bold]{escape(status.name)}[/bold], rehearsed on this machine: {mark}")
    ports = f"{status.http_port} and {status.https_port}" if status.http_port else "none"
    measured = any(one.memory is not None for one in status.containers)
    memory = _mebibytes(status.memory) if measured else "not measured by this engine"
    console.print(
        f"AWS API {status.endpoint or 'gone'}, ports of 127.0.0.1: {ports}, memory {memory}"
    )
    if status.containers:
        columns = ("container", "kind", "host name", "address", "memory", "state")
        table(console, columns, [_container(one) for one in status.containers])
    if status.problems:
        console.print()
    for problem in status.problems:
        console.print(f"[yellow]{escape(problem.about)}[/yellow]")
        console.print(f"    {escape(problem.why)}")


def _nodes(status: Status) -> list[Row]:
    return [
        (
            node.name,
            node.role,
            node.zone,
            node.address,
            node.instance_type,
            _coloured(node.state, good=node.state == "ready"),
        )
        for node in status.nodes
    ]


def _services(status: Status) -> list[Row]:
    return [
        (
            service.name,
            _coloured(
                f"{service.running}/{service.wanted}", good=service.running == service.wanted
            ),
            ", ".join(service.nodes),
        )
        for service in status.services
    ]


def _urls(status: Status) -> list[Row]:
    return [
        (
            url.url,
            url.address,
            url.expires[:10] if url.expires else "-",
            url.issuer or "-",
            _coloured(url.answer, good=url.ok),
        )
        for url in status.urls
    ]


def _container(one: ContainerStatus) -> Row:
    memory = "-" if one.memory is None else _mebibytes(one.memory)
    state = _coloured(one.state, good=one.state == "running")
    return (one.thing, one.kind, one.hostname, one.address or "-", memory, state)


def _steps(steps: Sequence[Step]) -> tuple[Sequence[str], list[Row]]:
    """Columns and rows; without a column for why, where that is known of none."""
    if any(one.note for one in steps):
        columns = ("where", "action", "what", "why")
        return columns, [(one.where, one.action, one.what, one.note) for one in steps]
    return ("where", "action", "what"), [(one.where, one.action, one.what) for one in steps]


def _many(number: int, thing: str) -> str:
    return f"{number or 'no'} {thing}{'s' * (number != 1)}"


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:.0f} MiB"


def table(console: Console, columns: Sequence[str], rows: Sequence[Row]) -> None:
    """Print a blank line, the columns' names and the rows."""
    header = [Text(column, style="bold") for column in columns]
    lines = [
        header,
        *([Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows),
    ]
    widths = [max(line[index].cell_len for line in lines) for index in range(len(columns))]
    console.print()
    for line in lines:
        for cell, width in zip(line[:-1], widths, strict=False):
            cell.pad_right(width - cell.cell_len)
        console.print(Text("  ").join(line))


def _coloured(text: str, *, good: bool) -> Text:
    return Text(text, style="green" if good else "red")
