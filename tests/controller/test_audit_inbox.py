"""Entries of commands that ran elsewhere come into the chain, each once."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from beeyard.audit.chain import entries, verify
from beeyard.audit.entry import OPENED, Entry, Who
from beeyard.audit.inbox import body, name
from beeyard.controller.audit import Audit
from beeyard.controller.audit_inbox import LARGEST, Inbox, drop
from beeyard.controller.epochs import LeaseLost
from beeyard.secret import Secret

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@dataclass
class Fenced:
    epoch: int = 1
    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise LeaseLost("another copy is the active one")

    def give_up(self, why: str, /) -> None:
        self.lost = True


def entry(number: int) -> Entry:
    at = AT + timedelta(seconds=number)
    return Entry(Who("olga", "admin", "cli"), "deploy", f"shop/{number}", "failed", at=at)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def copy(folder: Path, epoch: int = 1) -> Inbox:
    return Inbox(folder, Audit.open(folder, Fenced(epoch)))


def on(folder: Path) -> list[str]:
    return [said["on"] for said in entries(folder) if said["what"] != OPENED]


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_they_are_taken_in_the_order_of_their_times(folder: Path) -> None:
    names = {number: drop(folder, entry(number)) for number in (3, 1, 2)}
    inbox = copy(folder)

    assert inbox.take() == 3

    assert on(folder) == ["shop/1", "shop/2", "shop/3"]
    last = list(entries(folder))[-1]
    assert (last["user"], last["role"], last["via"]) == ("olga", "admin", "cli")
    assert (last["outcome"], last["at"]) == ("failed", "2026-05-01T12:00:03+00:00")
    assert last["inbox"] == names[3]
    assert files(folder / "inbox") == []
    assert inbox.take() == 0


def test_one_that_is_being_written_is_not_there_yet(folder: Path) -> None:
    given = drop(folder, entry(1))
    (folder / "inbox" / given).rename(folder / "inbox" / f".{given}")
    assert copy(folder).take() == 0


def test_a_copy_that_was_killed_before_it_removed_a_file_doubles_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(4):
        drop(folder, entry(number))
    removed: list[Path] = []
    real = Path.unlink

    def killed(path: Path, missing_ok: bool = False) -> None:
        if removed:
            raise KeyboardInterrupt
        removed.append(path)
        real(path, missing_ok)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            copy(folder).take()
    assert len(files(folder / "inbox")) == 3
    drop(folder, entry(4))

    assert copy(folder, 2).take() == 1

    assert on(folder) == [f"shop/{number}" for number in range(5)]
    assert files(folder / "inbox") == []
    assert verify(folder).problems == ()


def test_a_file_that_can_not_be_removed_is_taken_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop(folder, entry(1))
    inbox = copy(folder)

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        for _ in range(2):
            with pytest.raises(OSError, match="Input/output"):
                inbox.take()
    assert inbox.take() == 0
    assert on(folder) == ["shop/1"]
    assert files(folder / "inbox") == []


def test_a_copy_that_was_followed_removes_no_file(folder: Path) -> None:
    """What it wrote may be no part of the chain: the file has to stay for its successor."""
    lease = Fenced()
    old = Inbox(folder, Audit.open(folder, lease))
    new = copy(folder, 2)
    lease.lost = True
    drop(folder, entry(1))

    with pytest.raises(LeaseLost):
        old.take()

    assert new.take() == 1
    assert on(folder) == ["shop/1"]


def test_many_are_taken(folder: Path) -> None:
    for number in range(250):
        drop(folder, entry(number))
    assert copy(folder).take() == 250
    assert on(folder) == [f"shop/{number}" for number in range(250)]


def changed(**more: Any) -> bytes:
    return json.dumps(json.loads(body(entry(1))) | more).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "Expecting value"),
        (b"\xff", "codec can't decode"),
        (b"[]", "list indices"),
        (b"[" * 20_000, "recursion"),
        (b'{"at": "2026-01-01"}', "'user'"),
        (b"x" * (LARGEST + 1), f"more than {LARGEST} bytes"),
        (changed(user=7), "of a kind that no entry has"),
        (changed(details={"a": {"b": 1}}), "of a kind that no entry has"),
        (changed(details=[]), "no attribute"),
        (changed(outcome="splendid"), "there is no outcome splendid"),
        (changed(at="yesterday"), "Invalid isoformat"),
        (changed(at="0001-01-01T00:00:00+14:00"), "out of range"),
    ],
)
def test_what_is_no_entry_is_noted_and_put_aside(folder: Path, data: bytes, why: str) -> None:
    drop(folder, entry(1))
    wrong = name(AT)
    (folder / "inbox" / wrong).write_bytes(data)

    assert copy(folder).take() == 2

    noted = next(said for said in entries(folder) if said["what"] == "audit.inbox")
    assert (noted["on"], noted["outcome"]) == (wrong, "refused")
    assert why in noted["details"]["why"]
    assert "shop/1" in on(folder)
    assert files(folder / "refused") == [wrong]
    assert files(folder / "inbox") == []


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to("/etc/hostname"),
        os.mkfifo,
        lambda path: path.mkdir(),
    ],
)
def test_what_is_no_regular_file_is_not_opened(folder: Path, make: Callable[[Path], None]) -> None:
    (folder / "inbox").mkdir(parents=True)
    make(folder / "inbox" / name(AT))
    assert copy(folder).take() == 1
    assert list(entries(folder))[-1]["details"]["why"] == "this is no regular file"


def test_a_command_can_not_say_that_it_was_another_way_in(folder: Path) -> None:
    (folder / "inbox").mkdir(parents=True)
    (folder / "inbox" / name(AT)).write_bytes(changed(via="pipeline", inbox="other", n=1))
    copy(folder).take()
    last = list(entries(folder))[-1]
    assert last["via"] == "cli"
    assert last["inbox"] != "other"
    assert verify(folder).problems == ()


def test_secrets_do_not_leave_the_command(folder: Path) -> None:
    said = Entry(Who("olga", "admin", "cli"), "x", "y", details={"value": Secret("s3cret")})
    assert b"s3cret" not in body(said)
    assert json.loads(body(said))["details"] == {"value": "***"}
