"""`status` on one screen."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from beeyard.workflows import Status


def show_status(console: Console, status: Status) -> None:
    """Print cloud, nodes, services, and URLs with their certificates."""
    mark = "[green]all well[/green]" if status.ok else "[red]not well[/red]"
    console.print(f"[bold]{escape(status.name)}[/bold] in {status.region} ({status.world}): {mark}")
    console.print(f"shared files {status.file_system}, database {status.database or 'none'}\n")
    console.print(_nodes(status))
    console.print(_services(status))
    console.print(_urls(status))
    for name, why in status.skipped.items():
        console.print(f"[yellow]{escape(name)} skipped: {escape(why)}[/yellow]")


def _nodes(status: Status) -> Table:
    table = _table("node", "role", "zone", "address", "type", "state")
    for node in status.nodes:
        state = _coloured(node.state, good=node.state == "ready")
        table.add_row(node.name, node.role, node.zone, node.address, node.instance_type, state)
    return table


def _services(status: Status) -> Table:
    table = _table("service", "replicas", "nodes")
    for service in status.services:
        replicas = f"{service.running}/{service.wanted}"
        good = service.running == service.wanted
        table.add_row(service.name, _coloured(replicas, good=good), ", ".join(service.nodes))
    return table


def _urls(status: Status) -> Table:
    table = _table("url", "answer", "certificate by", "until")
    for url in status.urls:
        until = url.expires[:10] if url.expires else "-"
        table.add_row(url.url, _coloured(url.answer, good=url.ok), url.issuer or "-", until)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _coloured(text: str, *, good: bool) -> str:
    return f"[{'green' if good else 'red'}]{escape(text)}[/]"
