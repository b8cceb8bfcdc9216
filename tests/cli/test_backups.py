"""`backup create` and `backup ls` at the command line."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from beeyard.cli import backups as commands
from beeyard.cloud import rds
from beeyard.cloud.api import Aws
from beeyard.errors import Refused
from beeyard.workflows.backup_overview import Overview
from cloud import moto
from cloud.example import REGION, at, spec
from cloud.moto import make_database


@pytest.fixture(scope="module")
def api() -> Iterator[moto.Moto]:
    with moto.serving() as found:
        yield found


@pytest.fixture
def rehearsed(api: moto.Moto, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A cluster named shop with a database, in an AWS API of its own; nothing is backed up yet."""
    api.reset()
    found = SimpleNamespace(aws=Aws(at(api.endpoint), REGION), spec=spec(database={}))
    make_database(found.aws.client("rds"))

    @contextmanager
    def nothing(*_: object, **__: object) -> Iterator[Any]:
        yield found

    backups = SimpleNamespace(create=lambda _: ())
    monkeypatch.setattr(commands, "open_cluster", nothing)
    monkeypatch.setattr(commands, "alone_in", nothing)
    monkeypatch.setattr(commands, "hosts_of", lambda _: None)
    monkeypatch.setattr(commands, "open_backups", lambda _: backups)
    monkeypatch.setattr(commands, "store_of", lambda _: None)
    monkeypatch.setattr(commands, "overview", lambda *_: Overview((), (), (), ()))
    return found


@pytest.mark.parametrize("as_json", [True, False])
def test_create_has_rds_make_a_snapshot(rehearsed: Any, as_json: bool) -> None:
    options = SimpleNamespace(json=as_json)
    said = CliRunner().invoke(commands.app, ["create", "--snapshot"], obj=options)
    assert said.exit_code == 0, said.output
    (made,) = [one for one in rds.snapshots(rehearsed.aws, "shop") if one.kind == "manual"]
    if as_json:
        assert json.loads(said.output) == {"made": [], "snapshot": made.id}
    else:
        assert f"RDS makes the snapshot {made.id}; it stays" in said.output


def test_without_a_database_there_is_nothing_to_make_one_of(rehearsed: Any) -> None:
    rehearsed.spec = spec()
    options = SimpleNamespace(json=False)
    said = CliRunner().invoke(commands.app, ["create", "--snapshot"], obj=options)
    assert isinstance(said.exception, Refused)
    assert "no database" in said.exception.what


@pytest.mark.usefixtures("rehearsed")
@pytest.mark.parametrize("sandbox", [True, False])
def test_a_rehearsal_says_that_it_has_no_aws_backup(sandbox: bool) -> None:
    options = SimpleNamespace(json=False, sandbox=sandbox)
    said = CliRunner().invoke(commands.app, ["ls"], obj=options)
    assert said.exit_code == 0, said.output
    text = "AWS Backup of the shared files is not rehearsed: docs/fidelity.md"
    assert (text in said.output) is sandbox


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
