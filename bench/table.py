"""Figures as a table."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Row:
    """One figure. `goal` is the most that it may be, in the same unit; None: there is none.

    `note` says what it is made of.
    """

    name: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the goal holds; None without one."""
        return None if self.goal is None else self.value <= self.goal


def as_markdown(machine: Mapping[str, object], rows: Sequence[Row]) -> str:
    """A Markdown table, and the machine that it was measured on."""
    cells = [("what", "measured", "goal", "holds", ""), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    head, *body = [_line(line, widths) for line in cells]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    about = "; ".join(f"{key}: {value}" for key, value in machine.items())
    return "\n".join([head, rule, *body, "", about, ""])


def as_json(machine: Mapping[str, object], rows: Sequence[Row]) -> str:
    """The same as JSON: `machine`, and `rows` with the fields of `Row` and `holds`."""
    figures = [{**asdict(row), "holds": row.holds} for row in rows]
    return json.dumps({"machine": machine, "rows": figures}, indent=2) + "\n"


def _cells(row: Row) -> tuple[str, str, str, str, str]:
    goal = "-" if row.goal is None else f"≤ {row.goal:g} {row.unit}"
    holds = {True: "yes", False: "NO", None: "-"}[row.holds]
    return (row.name, f"{_figure(row.value)} {row.unit}".rstrip(), goal, holds, row.note)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "| " + " | ".join(padded) + " |"
