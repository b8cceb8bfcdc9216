"""What drills came to, as a table with the commit that they were held on."""

import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]


@dataclass
class Drill:
    """One drill. `seconds` with its preparation; `noted`: what it measured."""

    name: str
    result: str = "green"
    seconds: float = 0.0
    noted: str = ""


def drills_of(reports: Iterable[object]) -> list[Drill]:
    """Put the reports of pytest's phases together, drill by drill, in their order."""
    found: dict[str, Drill] = {}
    for report in reports:
        if "drill" not in getattr(report, "keywords", ()):
            continue
        name = str(getattr(report, "nodeid", "")).rpartition("/")[2].replace(".py::", ": ")
        drill = found.setdefault(name, Drill(name))
        drill.seconds += float(getattr(report, "duration", 0.0))
        if getattr(report, "outcome", "") == "failed":
            drill.result = f"red ({getattr(report, 'when', '')})"
        noted = getattr(report, "user_properties", ())
        drill.noted = "; ".join(f"{key}: {_short(value)}" for key, value in noted)
    return list(found.values())


def lines(drills: Iterable[Drill]) -> Iterator[str]:
    """The table, in Markdown."""
    yield "| drill | result | seconds | noted |"
    yield "|---|---|---|---|"
    for one in drills:
        yield f"| {one.name} | {one.result} | {one.seconds:.0f} | {one.noted} |"
    yield ""
    yield f"commit: {commit()}"


def commit() -> str:
    """The commit of this checkout; says so where something in it is not committed."""
    head = _git("rev-parse", "HEAD") or "none"
    return f"{head}, with changes" if _git("status", "--porcelain") else head


def _git(*arguments: str) -> str:
    argv = ["git", "-C", str(_ROOT), *arguments]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()


def _short(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
