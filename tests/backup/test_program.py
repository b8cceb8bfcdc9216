"""What of the nodes' program needs no node: who waits for whom, files that others work with."""

import importlib
import io
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import beeyard.provision
from beeyard.backup import store
from beeyard.backup.model import BEFORE

PROGRAM = Path(beeyard.provision.__file__).parent / "ansible/roles/backups/files/backup"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """`module(name)`: one of the program's, whose locks lie in the test's folder."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(PROGRAM)
    monkeypatch.setattr(importlib.import_module("alone"), "RUN", tmp_path / "run")
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(PROGRAM) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def test_a_backup_waits_for_the_end_of_a_restore(
    module: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = module("alone")
    taken: list[float] = []

    def take() -> None:
        with alone.taking("files", 30):
            taken.append(time.monotonic())

    thread = threading.Thread(target=take)
    with alone.restoring("files", 0):
        thread.start()
        time.sleep(0.5)
        with alone.taking("database", 0):
            pass  # another kind is nobody's business
        ended = time.monotonic()
    thread.join()
    assert taken[0] >= ended
    assert "a restore of files goes on on this node: waiting for its end" in capsys.readouterr().err


def test_a_restore_waits_for_those_that_are_taken_and_not_for_ever(module: Any) -> None:
    alone = module("alone")
    with (
        alone.taking("files", 0),
        alone.taking("files", 0),
        pytest.raises(module("words").Failed) as caught,
        alone.restoring("files", 0.1),
    ):
        raise AssertionError
    assert "a backup of files is being taken, or put back, on this node" in str(caught.value)
    with alone.restoring("files", 0):
        pass


def test_the_schedule_takes_none_while_one_is_put_back(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    schedule = module("schedule")
    took: list[str] = []

    def take(_: object, __: object, kind: str, ___: object) -> dict[str, Any]:
        took.append(kind)
        return {"id": "x", "versions": {}}

    monkeypatch.setattr(schedule, "_s3", lambda _: None)
    monkeypatch.setattr(schedule, "_take", take)
    monkeypatch.setattr(schedule, "_WAIT", 0.1)
    (tmp_path / "job.json").write_text('{"kinds": {"database": {}, "files": {}}}')
    with module("alone").restoring("database", 0):
        assert schedule.run(str(tmp_path / "job.json")) == 1
    assert took == ["files"]
    assert "database: no backup was made: a restore of database goes on" in capsys.readouterr().err
    assert schedule.run(str(tmp_path / "job.json")) == 0


def test_what_is_taken_after_half_a_restore_says_so(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished = module("unfinished")
    monkeypatch.setattr(unfinished, "PLACE", tmp_path / "lib")
    assert unfinished.BEFORE == BEFORE
    with pytest.raises(ValueError, match="killed"), unfinished.marked("files", "x"):
        raise ValueError("killed")
    assert unfinished.versions("files") == {BEFORE: "x"}
    assert unfinished.versions("database") == {}
    with unfinished.marked("files", "y"):
        assert unfinished.versions("files") == {BEFORE: "y"}
    assert unfinished.versions("files") == {}


class Busy(set[str]):
    """The names in a backup; as one is looked up, others on the node do what they do."""

    def __init__(self, names: set[str], doing: dict[str, Any]) -> None:
        super().__init__(names)
        self._doing = doing

    def __contains__(self, name: object) -> bool:
        if isinstance(name, str) and name in self._doing:
            self._doing.pop(name)()
        return super().__contains__(name)


def test_files_that_others_work_with_do_not_stop_a_restore(
    module: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree = tmp_path / "efs"
    held = ".nfs00000000000a3f1c0000002b"
    for name in ("kept/in", "gone", "filled/old", f"filled/{held}", "other"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    names = Busy(
        {"kept", "kept/in"},
        {"gone": (tree / "gone").unlink, "filled": lambda: (tree / "filled/new").write_text("")},
    )
    removed = module("kind_files")._remove_others(tree, names, [])
    assert removed == 2
    left = sorted(str(one.relative_to(tree)) for one in tree.rglob("*"))
    assert left == ["filled", f"filled/{held}", "filled/new", "kept", "kept/in"]
    assert "filled could not be removed: Directory not empty" in capsys.readouterr().err


def test_parts_grow_so_that_any_backup_fits(module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    uploads = module("uploads")
    assert (uploads.PART, uploads.ALIKE) == (store.PART, store.ALIKE)
    for parts in (1, 250, 251, 2000):
        assert sum(map(uploads.size_of, range(1, parts + 1))) == store.room_of(parts)
    # S3's own limits.
    assert uploads.size_of(10_000) <= 5 * 1024**3

    monkeypatch.setattr(uploads, "PART", 2)
    monkeypatch.setattr(uploads, "ALIKE", 3)
    data = bytes(range(23))
    found = list(uploads.parts_of(io.BytesIO(data)))
    assert b"".join(found) == data
    assert [len(part) for part in found] == [2, 2, 2, 4, 4, 4, 5]


def test_more_than_its_urls_take_is_said(module: Any) -> None:
    with pytest.raises(module("words").Failed, match="larger than 32 MiB"):
        module("uploads").ToUrls(["http://127.0.0.1:9/"]).put(2, b"")
