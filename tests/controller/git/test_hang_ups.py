"""Clients that go away, or stay away, in the middle: nothing of theirs stays behind."""

import os
from pathlib import Path

import psutil
import pytest

from beeyard.controller.git.pktline import FLUSH, packet
from controller.git.processes import at_work
from controller.git.raw import created, head, pack_of, post
from controller.git.served import Served, Work, until


@pytest.fixture
def repository(strict: Served, work: Work, application: str) -> str:
    """An application with a repository, on the remote without patience."""
    work.commit()
    work.git("push", "--quiet", strict.url(application), "main:refs/heads/base")
    return application


def left_behind(served: Served, application: str) -> list[str]:
    """What a push that was cut off may leave: locks, and objects that wait aside."""
    path = served.path(application)
    return [str(one) for one in [*path.rglob("*.lock"), *path.rglob("tmp_*")]]


def test_a_push_that_is_cut_off_moves_nothing(served: Served, work: Work, application: str) -> None:
    work.commit()
    work.git("push", "--quiet", served.url(application), "main:refs/heads/base")
    commit = work.commit(a_txt="x" * 10_000)
    pack = pack_of(work, commit)
    with post(served.port, application, "git-receive-pack") as connection:
        connection.send(head(created(commit)) + pack[: len(pack) // 2])
        until(lambda: len(at_work(served.path(application))) > 0)
    until(lambda: at_work(served.path(application)) == [])
    until(lambda: left_behind(served, application) == [])
    assert len(served.pushed(application)) == 1
    assert "refs/heads/main" not in work.git("ls-remote", served.url(application)).stdout


def test_who_says_no_more_is_let_go(strict: Served, work: Work, repository: str) -> None:
    commit = work.commit()
    pack = pack_of(work, commit)
    with post(strict.port, repository, "git-receive-pack") as connection:
        connection.send(head(created(commit)) + pack[: len(pack) // 2])
        status, words = connection.answer()
    assert (status, b"ng refs/heads/main unpacker error" in words) == (200, True)
    until(lambda: at_work(strict.path(repository)) == [])
    assert len(strict.pushed(repository)) == 1


def test_a_fetch_that_nobody_waits_for_is_ended(
    served: Served, work: Work, application: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while Git says nothing, so that nothing is written which would show that they left."""
    work.commit()
    work.git("push", "--quiet", served.url(application), "main")
    silent = tmp_path / "bin" / "git"
    silent.parent.mkdir()
    silent.write_text(f"#!/bin/sh\ncat > /dev/null\necho $$ > {tmp_path}/pid\nexec sleep 1000\n")
    silent.chmod(0o755)
    monkeypatch.setenv("PATH", f"{silent.parent}:{os.environ['PATH']}")
    pid = tmp_path / "pid"
    with post(served.port, application, "git-upload-pack") as connection:
        connection.send(FLUSH)
        connection.send(b"")
        until(lambda: pid.exists() and pid.read_text().endswith("\n"))
        assert psutil.pid_exists(int(pid.read_text()))
    until(lambda: not psutil.pid_exists(int(pid.read_text())))


@pytest.mark.parametrize("begun", [b"", b"00", head(created("1" * 40))[:30]])
def test_who_stops_within_the_head_is_let_go(strict: Served, repository: str, begun: bytes) -> None:
    with post(strict.port, repository, "git-receive-pack") as connection:
        if begun:
            connection.send(begun)
        assert connection.answer()[0] == 408


def test_a_fetch_that_asks_no_further_is_let_go(
    strict: Served, work: Work, repository: str
) -> None:
    with post(strict.port, repository, "git-upload-pack") as connection:
        connection.send(packet(f"want {work.head()}\n".encode()))
        until(lambda: len(at_work(strict.path(repository))) > 0)
        assert connection.answer()[0] == 408
    until(lambda: at_work(strict.path(repository)) == [])
