"""Releases and what became of them, as tables and as data."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from beeyard.apps import Entry, Receipt, Traffic
from beeyard.cli.tables import table
from beeyard.workflows.deploy import Outcome


def show_outcome(console: Console, outcome: Outcome, *, as_data: bool) -> None:
    """Print what a deploy did, with its receipt; as data: as JSON on standard output."""
    if as_data:
        sys.stdout.write(json.dumps(_outcome(outcome), indent=2, default=str) + "\n")
        return
    release = outcome.release
    name = f"{escape(release.application)} {release.number}"
    if outcome.verdict is None:
        console.print(f"[bold]{name}[/bold] runs already: nothing has changed.")
        return
    console.print(f"\n[bold green]{name} runs.[/bold green]")
    for change in outcome.plan.changed:
        console.print(f"  {escape(str(change))}")
    show_receipt(console, outcome.verdict.receipt)


def show_receipt(console: Console, receipt: Receipt) -> None:
    """Print time by phase, and what the application's users would have seen."""
    phases = [(name, f"{seconds:.1f} s") for name, seconds in receipt.phases.items()]
    table(console, ("phase", "took"), phases)
    if receipt.during.requests:
        rows = [_traffic("before", receipt.before), _traffic("during", receipt.during)]
        table(console, ("probe", "requests", "failed", "median", "p95", "slowest"), rows)
    for reason in receipt.during.reasons:
        console.print(f"  [yellow]{escape(reason)}[/yellow]")
    for service, seconds in receipt.gaps.items():
        console.print(f"  [yellow]{escape(service)}: without a task for {seconds:.1f} s[/yellow]")


def show_releases(console: Console, entries: Sequence[Entry]) -> None:
    """Print releases, the newest last."""
    if not entries:
        console.print("there is no release yet")
        return
    columns = ("release", "when", "who", "commit", "image", "verdict", "why")
    table(console, columns, [_row(entry) for entry in entries])


def as_json(entry: Entry) -> dict[str, Any]:
    """A release for `--json`. Documented in docs/applications.md."""
    release, verdict = entry.release, entry.verdict
    return {
        "number": release.number,
        "at": release.origin.at.isoformat(),
        "author": release.origin.author,
        "commit": release.origin.commit,
        "cause": release.origin.cause,
        "images": dict(release.images),
        "adaptations": list(release.adaptations),
        "verdict": verdict.word if verdict else entry.phase,
        "reason": verdict.reason if verdict else "",
        "receipt": asdict(verdict.receipt) if verdict else None,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "application": outcome.release.application,
        "release": outcome.release.number,
        "changed": outcome.verdict is not None,
        "built": outcome.built,
        "changes": [str(change) for change in outcome.plan.changed],
        "receipt": asdict(outcome.verdict.receipt) if outcome.verdict else None,
    }


def _traffic(name: str, seen: Traffic) -> tuple[str | Text, ...]:
    failed = Text(str(seen.failed), style="red" if seen.failed else "green")
    latencies = (_milliseconds(value) for value in (seen.p50, seen.p95, seen.slowest))
    return (name, str(seen.requests), failed, *latencies)


def _milliseconds(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:.0f} ms"


def _row(entry: Entry) -> tuple[str | Text, ...]:
    release, verdict = entry.release, entry.verdict
    word = verdict.word if verdict else f"unfinished ({entry.phase})"
    colour = {"succeeded": "green", "failed": "red"}.get(word, "yellow")
    reason = verdict.reason if verdict and verdict.reason else release.origin.cause
    commit = release.origin.commit or "-"
    return (
        str(release.number),
        release.origin.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        release.origin.author,
        commit[:12] + ("+" if commit.endswith("+") else ""),
        ", ".join(sorted(_short(image) for image in set(release.images.values()))),
        Text(word, style=colour),
        reason.partition("\n")[0],
    )


def _short(image: str) -> str:
    name, _, digest = image.partition("@sha256:")
    return f"{name.rpartition('/')[2]}@{digest[:12]}" if digest else name
