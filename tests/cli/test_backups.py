"""`backup create` at the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from beeyard.cli import backups as commands


def test_create_holds_the_clusters_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it could be of the middle of a restore."""
    done: list[str] = []

    @contextmanager
    def around(name: str) -> Iterator[None]:
        done.append(f"{name} on")
        yield
        done.append(f"{name} off")

    def create(_: object) -> tuple[Any, ...]:
        done.append("create")
        return ()

    monkeypatch.setattr(commands, "open_cluster", lambda *_, **__: around("cluster"))
    monkeypatch.setattr(commands, "hosts_of", lambda _: None)
    monkeypatch.setattr(commands, "open_backups", lambda _: SimpleNamespace(create=create))
    monkeypatch.setattr(commands, "alone_in", lambda _, doing: around(f"lock: {doing}"))
    said = CliRunner().invoke(commands.app, ["create"], obj=SimpleNamespace(json=False))
    assert said.exit_code == 0, said.output
    assert done == [
        "cluster on",
        "lock: backup create on",
        "create",
        "lock: backup create off",
        "cluster off",
    ]
