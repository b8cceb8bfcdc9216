"""The nodes' program for a Swarm's state, where it needs no Swarm: what it writes over, and leaves.

What it asks of systemd is answered by programs of that name, in a folder of the test's.
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import beeyard.provision

PROGRAM = Path(beeyard.provision.__file__).parent / "ansible/roles/backups/files/backup"


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`module(name)`: one of the program's."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(PROGRAM)
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if str(PROGRAM) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Systemd":
    found = Systemd(tmp_path / "systemd")
    monkeypatch.setenv("PATH", f"{found.folder}:/usr/bin:/bin")
    return found


class Systemd:
    """Programs of its name, which note what they are asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        for name in ("systemctl", "systemd-run"):
            self.answers(name, 0)

    def answers(self, name: str, code: int) -> None:
        program = self.folder / name
        asked = self.folder / "asked"
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> {asked}\necho sorry >&2\nexit {code}\n')
        program.chmod(0o755)

    @property
    def asked(self) -> list[str]:
        file = self.folder / "asked"
        return file.read_text().splitlines() if file.exists() else []


class Engine:
    """An engine that is, or is not, in a Swarm; one that is made of a copy is there at once."""

    def __init__(self, root: Path, state: str) -> None:
        self.root = root
        self.state = state
        self.made = 0

    def get(self, _: str) -> Any:
        swarm = {"LocalNodeState": self.state, "ControlAvailable": self.state == "active"}
        return {"DockerRootDir": str(self.root), "Swarm": swarm}

    def post(self, *_: object) -> None:
        self.state = "active"
        self.made += 1


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    folder = tmp_path / "copy"
    (folder / "swarm").mkdir(parents=True)
    (folder / "swarm/raft").write_text("of the copy")
    (folder / "about.json").write_text(
        json.dumps({"id": "c0", "taken": 1.0, "address": "10.0.0.1"})
    )
    return folder


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """What the engine has had until now."""
    (tmp_path / "docker/swarm").mkdir(parents=True)
    (tmp_path / "docker/swarm/raft").write_text("of before")
    return tmp_path / "docker"


@pytest.fixture
def restoring(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, systemd: Systemd
) -> Any:
    """The module that restores, with its record in the test's folder."""
    assert systemd.asked == []
    found = module("raft_restore")
    monkeypatch.setattr(found, "RECORD", tmp_path / "restored.json")
    return found


def ignore(_: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("state", ["active", "locked", "pending", "error"])
def test_an_engine_that_is_in_a_swarm_keeps_it(
    restoring: Any, copy: Path, root: Path, state: str
) -> None:
    engine = Engine(root, state)
    with pytest.raises(Exception, match=f"in a Swarm .its engine says: {state}."):
        restoring.restore(engine, copy, ignore)
    assert (root / "swarm/raft").read_text() == "of before"
    assert engine.made == 0


def test_what_was_there_is_kept_beside_what_is_put_back(
    restoring: Any, copy: Path, root: Path
) -> None:
    restoring.restore(Engine(root, "inactive"), copy, ignore)
    assert (root / "swarm/raft").read_text() == "of the copy"
    (before,) = root.glob("swarm.before-*Z")
    assert (before / "raft").read_text() == "of before"


def test_of_an_empty_folder_nothing_is_kept(module: Any, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "swarm").mkdir()
    module("raft_place").place(copy / "swarm", tmp_path / "swarm")
    assert (tmp_path / "swarm/raft").exists()
    assert not list(tmp_path.glob("*before*"))


def test_one_that_was_restored_is_left_alone_while_its_swarm_is_there(
    restoring: Any, copy: Path, root: Path
) -> None:
    engine = Engine(root, "inactive")
    restoring.restore(engine, copy, ignore, "b1")
    restoring.compared(["service web is missing"])
    restoring.restore(engine, copy, ignore, "b1")
    assert engine.made == 1
    found = restoring.record()
    assert (found["backup"], found["different"]) == ("b1", ["service web is missing"])


def test_one_that_was_restored_and_lost_its_swarm_again_is_given_it_once_more(
    restoring: Any, copy: Path, root: Path
) -> None:
    engine = Engine(root, "inactive")
    restoring.restore(engine, copy, ignore, "b1")
    restoring.compared([])
    engine.state = "inactive"
    restoring.restore(engine, copy, ignore, "b1")
    assert engine.made == 2
    assert restoring.record()["different"] is None


def test_nor_is_its_swarm_written_over_while_that_is_in_trouble(
    restoring: Any, copy: Path, root: Path
) -> None:
    engine = Engine(root, "inactive")
    restoring.restore(engine, copy, ignore, "b1")
    engine.state = "locked"
    with pytest.raises(Exception, match="locked"):
        restoring.restore(engine, copy, ignore, "b1")


def test_one_that_was_cut_short_is_restored_from_the_start(
    restoring: Any, copy: Path, root: Path
) -> None:
    restoring.restore(Engine(root, "inactive"), copy, ignore, "b1")
    cut = {**restoring.record(), "formed": False}
    restoring.RECORD.write_text(json.dumps(cut))
    engine = Engine(root, "active")
    restoring.restore(engine, copy, ignore, "b1")
    assert engine.made == 1
    assert restoring.record()["formed"] is True


def test_files_beside_the_swarm_are_told_apart_by_name_mode_and_content(
    module: Any, tmp_path: Path
) -> None:
    kept = module("raft_copy").kept
    (tmp_path / "kept/secrets").mkdir(parents=True)
    file = tmp_path / "kept/secrets/shop_key"
    file.write_text("hush")
    seen = [kept(tmp_path / "kept")]
    (tmp_path / "kept/backups.json").write_text("{}")
    (tmp_path / "kept/skipped.json").write_text("{}")
    assert kept(tmp_path / "kept") == seen[0]
    assert seen[0]["/etc/beeyard"]["count"] == 1
    for change in (
        lambda: file.write_text("hash"),
        lambda: file.chmod(0o600),
        lambda: file.rename(file.with_name("shop_word")),
    ):
        change()
        seen.append(kept(tmp_path / "kept"))
    assert len({one["/etc/beeyard"]["digest"] for one in seen}) == 4
    assert kept(tmp_path / "none")["/etc/beeyard"]["count"] == 0


@pytest.fixture(autouse=True)
def locks(module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they lie, instead of in /run."""
    monkeypatch.setattr(module("alone"), "RUN", tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def process() -> Iterator[int]:
    """One that can be stopped."""
    with subprocess.Popen(["sleep", "60"]) as found:
        yield found.pid
        found.kill()


def test_systemd_thaws_again_and_again_until_we_are_gone(
    module: Any, systemd: Systemd, process: int
) -> None:
    """So also what is stopped only once it has thawed for the first time."""
    with module("raft_freeze").frozen(process) as standing:
        assert Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    assert 0 < standing.seconds < 1.8
    before, begun, ended = systemd.asked
    # What a run left that was killed would thaw ours.
    assert before == "systemctl stop beeyard-thaw-*"
    assert "--on-active=1.8 --timer-property=OnUnitActiveSec=1 " in begun
    assert begun.endswith(f" {process} {os.getpid()} {ended.split()[-1]}")
    assert ended.startswith("systemctl stop beeyard-thaw-")


def test_what_thaws_ends_with_the_copier(module: Any, systemd: Systemd, process: int) -> None:
    thaw = module("raft_freeze")._THAW
    os.kill(process, signal.SIGSTOP)
    for ours, stops in ((os.getpid(), []), (2**22 + 1, ["systemctl stop x.timer"])):
        subprocess.run(
            ["sh", "-c", thaw, "sh", str(process), str(ours), "x.timer"],
            check=True,
            capture_output=True,
        )
        assert systemd.asked == stops
    assert Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "T"


def test_a_timer_that_does_not_stop_hides_no_error(
    module: Any, systemd: Systemd, process: int, capsys: pytest.CaptureFixture[str]
) -> None:
    systemd.answers("systemctl", 5)
    freeze = module("raft_freeze")
    with pytest.raises(ValueError, match="the real one"), freeze.frozen(process):
        raise ValueError("the real one")
    assert "sorry" in capsys.readouterr().err
    with freeze.frozen(process):
        pass


def test_two_copies_at_once_do_not_thaw_each_other_s_engine(
    module: Any, systemd: Systemd, process: int
) -> None:
    freeze = module("raft_freeze")
    began: list[float] = []

    def second() -> None:
        with freeze.frozen(process):
            began.append(time.monotonic())

    thread = threading.Thread(target=second)
    with freeze.frozen(process):
        thread.start()
        time.sleep(0.3)
        assert state_of(process) == "T"
        assert len(systemd.asked) == 2, "the other has begun nothing"
        ended = time.monotonic()
    thread.join()
    assert began[0] >= ended


def test_an_engine_that_somebody_let_go_on_is_not_copied(
    module: Any, systemd: Systemd, process: int
) -> None:
    def copy() -> None:
        with module("raft_freeze").frozen(process):
            os.kill(process, signal.SIGCONT)
            while state_of(process) == "T":
                time.sleep(0.001)

    with pytest.raises(Exception, match="let the engine go on while it was copied"):
        copy()
    assert len(systemd.asked) == 3


def state_of(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_copy_that_does_not_end_is_given_up(module: Any) -> None:
    with pytest.raises(Exception, match=r"`sleep 60` did not end within 0\.1 s"):
        module("raft_copy")._cp(["sleep", "60"], 0.1)


def test_what_a_run_left_that_was_killed_is_removed_and_not_what_is_at_work(
    module: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = module("kind_raft")
    monkeypatch.setattr(kind, "_PLACE", tmp_path)
    (tmp_path / "raft-left").mkdir()
    (tmp_path / "raft-left/raft.tar").write_text("hush")
    with kind._scratch() as one, kind._scratch() as other:
        assert {one, other} == set(tmp_path.glob("raft-*"))
    assert not list(tmp_path.glob("raft-*"))
