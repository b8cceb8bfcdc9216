"""What the documents say of exit codes and of JSON is what the program does."""

import re
from dataclasses import fields
from pathlib import Path

from beeyard import errors
from beeyard.cli.words import Misunderstood
from beeyard.sandbox import SandboxStatus
from beeyard.swarm.drain import Drained, Gap
from beeyard.swarm.rebalance import Moved
from beeyard.workflows import Status
from beeyard.workflows.eject import Ejected
from beeyard.workflows.nodes import NodeRow
from beeyard.workflows.scale import Scaled

DOCS = Path(__file__).parents[2] / "docs"


def test_every_exit_code_is_in_the_table() -> None:
    rows = re.findall(r"^\| (\d+) \|.*\| `?(\w*)`? \|$", (DOCS / "exit-codes.md").read_text(), re.M)
    documented = {name: int(code) for code, name in rows if name}
    ours = [*vars(errors).values(), Misunderstood]
    assert documented == {
        kind.__name__: kind.exit_code
        for kind in ours
        if isinstance(kind, type) and issubclass(kind, errors.BeeyardError)
    }


def test_every_key_of_the_json_is_in_the_tables() -> None:
    cluster, rehearsal = (DOCS / "status.md").read_text().split("# `beeyard --json sandbox")
    assert _keys(cluster) >= {"ok", *(field.name for field in fields(Status))}
    assert _keys(rehearsal) >= {field.name for field in fields(SandboxStatus)}


def test_every_key_of_what_is_said_of_nodes_is_in_the_table() -> None:
    table = (DOCS / "nodes.md").read_text().split("## `--json`")[1]
    documented = set(re.findall(r"`(\w+)(?:\[\])?`", table))
    shown = (NodeRow, Drained, Gap, Moved, Scaled)
    assert documented >= {field.name for kind in shown for field in fields(kind)}


def test_every_key_of_what_is_ejected_is_in_the_table() -> None:
    table = (DOCS / "eject.md").read_text().split("## `--json`")[1]
    assert _keys(table) == {field.name for field in fields(Ejected)}


def _keys(text: str) -> set[str]:
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    return {key for row in rows for key in re.findall(r"`(\w+)(?:\[\])?`", row.split("|")[1])}
