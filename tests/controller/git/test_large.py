"""Pushes and clones larger than anybody wants to hold in memory, and larger than they may be."""

import contextlib
import os
import random
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from beeyard.controller.git.pktline import FLUSH, packet
from beeyard.process import Command, LocalRunner
from controller.git.raw import created, head, post
from controller.git.served import OPERATOR, Served, Work, new_work, until

SIZE = 50_000_000


@dataclass
class Apart:
    """A remote in another process. `own` and `others`: bytes that it had, and all that it started
    had to themselves, each time that somebody looked."""

    process: psutil.Process
    port: int
    folder: Path
    own: list[int] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://any:{OPERATOR}@127.0.0.1:{self.port}/big.git"

    @contextlib.contextmanager
    def measured(self) -> Iterator[None]:
        """See how much memory it takes meanwhile."""
        done = threading.Event()
        self.own, self.others = [], []

        def look() -> None:
            while not done.wait(0.02):
                self.own.append(self.process.memory_info().rss)
                started = self.process.children(recursive=True)
                self.others.append(sum(map(unshared, started)))

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    @property
    def growth(self) -> int:
        return max(self.own) - self.own[0]

    def at_work(self) -> int:
        return len(self.process.children(recursive=True))


def unshared(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().uss)
    except psutil.Error:
        return 0


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    folder = tmp_path_factory.mktemp("apart")
    path = os.pathsep.join(sys.path)
    argv = [sys.executable, "-m", "controller.git.serve", str(folder)]
    running = LocalRunner().start(Command(argv, env={"PYTHONPATH": path}, tied=True))
    try:
        until(lambda: running.said().isdecimal() or running.code is not None)
        assert running.code is None, running.said()
        (process,) = (one for one in psutil.Process().children() if str(folder) in one.cmdline())
        yield Apart(process, int(running.said()), folder)
    finally:
        running.stop()


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """A commit with a file that can't be compressed."""
    work = new_work(tmp_path_factory.mktemp("big") / "work")
    work.git("config", "core.compression", "0")
    (work.folder / "big").write_bytes(random.Random(4).randbytes(SIZE))
    work.commit()
    return work


def test_a_push_and_a_clone_of_50_mb_take_little_memory(
    apart: Apart, big: Work, tmp_path: Path
) -> None:
    with apart.measured():
        big.git("push", "--quiet", apart.url, "main")
    assert apart.growth < 12_000_000
    assert 0 < max(apart.others) < 45_000_000
    with apart.measured():
        big.git("clone", "--quiet", "--bare", apart.url, str(tmp_path / "copy"))
    assert apart.growth < 12_000_000
    # Git maps the pack's file, of which the pages count while they are in use.
    assert 0 < max(apart.others) < SIZE + 30_000_000
    assert sum(one.stat().st_size for one in (tmp_path / "copy").rglob("*.pack")) > SIZE


def test_a_clone_that_is_cut_off_ends_its_process(apart: Apart, big: Work) -> None:
    big.git("push", "--quiet", apart.url, "main")
    want = packet(f"want {big.head()} side-band-64k\n".encode()) + FLUSH + packet(b"done\n")
    with post(apart.port, "big", "git-upload-pack") as connection:
        connection.send(want)
        connection.send(b"")
        connection.read_until(b"PACK")
        # It reads no further, and there is more than all buffers hold.
        assert apart.at_work() > 0
    until(lambda: apart.at_work() == 0)


def test_a_push_that_is_too_large_is_refused_in_words(
    strict: Served, work: Work, application: str
) -> None:
    (work.folder / "file").write_bytes(random.Random(5).randbytes(1_500_000))
    work.commit()
    pushed = work.git("push", strict.url(application), "main", check=False)
    assert pushed.code == 1
    assert "remote: this push has more than the 1 MB that one may have" in pushed.stderr
    assert "[remote rejected] main -> main (too large)" in pushed.stderr
    assert strict.pushed(application) == []
    assert not list(strict.path(application).rglob("tmp_*"))
    assert "main" not in work.git("ls-remote", strict.url(application)).stdout


def test_a_push_without_an_end_is_answered(strict: Served, work: Work, application: str) -> None:
    work.commit()
    work.git("push", "--dry-run", strict.url(application), "main")
    with post(strict.port, application, "git-receive-pack") as connection:
        connection.send(head(created("1" * 40)))
        for _ in range(25):
            connection.send(b"x" * 100_000)
        status, words = connection.answer()
    assert status == 200
    assert b"ng refs/heads/main too large" in words
