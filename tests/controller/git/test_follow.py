"""What the pusher sees of what follows a push, and when; and who looks on no more."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import psutil
import pytest

from beeyard.controller.git import Push
from beeyard.controller.git.follow import shown
from beeyard.errors import AppError
from beeyard.process import LocalRunner, Running
from controller.git.raw import created, head, pack_of, post
from controller.git.served import Served, Work, serving, until


class Run:
    """A run whose two lines come when they are let. `begun`: its first was about to be said;
    `left`: nobody follows any more."""

    def __init__(self) -> None:
        self.begin, self.go = threading.Event(), threading.Event()
        self.begun, self.left = threading.Event(), threading.Event()

    async def __call__(self, pushes: Sequence[Push]) -> AsyncGenerator[str, None]:
        try:
            await _until(self.begin)
            self.begun.set()
            yield "run 7 begins"
            await _until(self.go)
            yield "run 7 is done"
        finally:
            self.left.set()


async def _until(event: threading.Event) -> None:
    while not event.is_set():
        await asyncio.sleep(0.01)


def pushing(served: Served, work: Work, application: str, *options: str) -> Running:
    work.commit()
    return LocalRunner().start(work.command("push", *options, served.url(application), "main"))


@pytest.fixture
def run(served: Served, application: str) -> Run:
    run = Run()
    served.scripts[application] = run
    return run


def test_lines_arrive_while_the_run_goes_on(
    served: Served, work: Work, application: str, run: Run
) -> None:
    run.begin.set()
    git = pushing(served, work, application)
    try:
        until(lambda: "remote: run 7 begins" in git.said())
        assert not run.left.is_set()
        assert "run 7 is done" not in git.said()
        run.go.set()
        until(lambda: git.code is not None)
    finally:
        git.stop()
    assert git.code == 0
    assert "remote: run 7 is done" in git.said()
    assert "main -> main" in git.said()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_who_is_killed_while_following_ends_the_following_only(
    served: Served, work: Work, application: str, run: Run, how: signal.Signals
) -> None:
    run.begin.set()
    git = pushing(served, work, application)
    try:
        until(lambda: "remote: run 7 begins" in git.said())
        kill(work, how)
        assert run.left.wait(10)
    finally:
        git.stop()
    assert len(served.pushed(application)) == 1
    assert work.git("ls-remote", served.url(application), "main").stdout.startswith(work.head())


def test_who_is_killed_before_the_first_line_has_begun_a_run(
    served: Served, work: Work, application: str, run: Run
) -> None:
    git = pushing(served, work, application)
    try:
        until(lambda: bool(served.pushed(application)))
        kill(work, signal.SIGKILL)
    finally:
        git.stop()
    assert not run.left.is_set()
    run.begin.set()
    assert run.begun.wait(10)
    assert run.left.wait(10)


def kill(work: Work, how: signal.Signals) -> None:
    """Kill all of Git's client: `git push` has `git remote-http` and `git send-pack` beside it."""
    for process in clients(work.folder):
        # One may end because another did.
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(how)


def clients(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(folder):
                found.append(process)
    return found


def test_who_does_not_want_to_follow_sees_what_begins(
    served: Served, work: Work, application: str, run: Run
) -> None:
    run.begin.set()
    work.commit()
    said = work.git("push", "-o", "no-follow", served.url(application), "main").stderr
    assert "remote: run 7 begins" in said
    assert "run 7 is done" not in said
    assert run.left.wait(10)


def test_a_long_silence_is_kept_alive_and_goes_unseen(
    strict: Served, work: Work, application: str
) -> None:
    """For longer than the remote's patience with a client."""

    async def slow(pushes: Sequence[Push]) -> AsyncGenerator[str, None]:
        await asyncio.sleep(0.1)
        yield "one"
        await asyncio.sleep(0.6)
        yield "two"

    strict.scripts[application] = slow
    commit = work.commit()
    said = work.git("push", strict.url(application), "main").stderr.splitlines()
    assert [line.split() for line in said[:2]] == [["remote:", "one"], ["remote:", "two"]]
    strict.scripts[application + "x"] = slow
    with post(strict.port, application + "x", "git-receive-pack") as connection:
        connection.send(head(created(commit)) + pack_of(work, commit))
        connection.send(b"")
        before, _, after = connection.answer()[1].partition(b"\x02one\n")
    assert b"0005\x02" in before
    assert after.partition(b"\x02two\n")[0].count(b"0005\x02") > 5


def test_who_does_not_read_is_let_go(strict: Served, work: Work, application: str) -> None:
    left = threading.Event()

    async def flood(pushes: Sequence[Push]) -> AsyncGenerator[str, None]:
        try:
            while True:
                yield "x" * 50_000
        finally:
            left.set()

    strict.scripts[application] = flood
    commit = work.commit()
    work.git("push", "--dry-run", strict.url(application), "main")
    with post(strict.port, application, "git-receive-pack") as connection:
        connection.send(head(created(commit)) + pack_of(work, commit))
        connection.send(b"")
        assert left.wait(10)


def test_a_failure_afterwards_is_told_and_the_push_stands(
    served: Served, work: Work, application: str
) -> None:
    async def fails(pushes: Sequence[Push]) -> AsyncGenerator[str, None]:
        yield "begun"
        raise AppError("no runner is there", fix="start one")

    served.scripts[application] = fails
    work.commit()
    said = work.git("push", served.url(application), "main").stderr
    for words in ("begun", "the push is taken", "error: no runner is there", "start one"):
        assert words in said


def test_a_bug_afterwards_is_told_without_its_insides(
    served: Served, work: Work, application: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def fails(pushes: Sequence[Push]) -> AsyncGenerator[str, None]:
        if pushes:
            raise ValueError("insides")
        yield ""

    served.scripts[application] = fails
    work.commit()
    pushed = work.git("push", served.url(application), "main")
    assert "the push is taken, but what follows it failed" in pushed.stderr
    assert "insides" not in pushed.stderr
    assert "insides" in caplog.text


def test_a_controller_that_leaves_lets_go(tmp_path: Path, work: Work) -> None:
    with serving(tmp_path / "repositories") as served:
        run = Run()
        run.begin.set()
        served.scripts["app"] = run
        git = pushing(served, work, "app")
        try:
            until(lambda: "remote: run 7 begins" in git.said())
            served.remote.leave()
            until(lambda: git.code is not None)
        finally:
            git.stop()
    assert git.code == 0
    assert "remote: the controller is being moved" in git.said()
    assert run.left.is_set()


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ("plain\ttext", b"plain\ttext\n"),
        ("\x1b[32mgreen\x1b[0m", b"\x1b[32mgreen\x1b[0m\n"),
        ("\x1b]0;title\x07\x1b[2J\x1b[1;1Hover\rwritten\x9b", b"]0;titleoverwritten\n"),
        ("two\nlines\n", b"two\nlines\n"),
        ("\udc80", b"?\n"),
        ("", b"\n"),
    ],
)
def test_a_log_does_nothing_to_a_terminal(line: str, seen: bytes) -> None:
    assert shown(line) == seen


def test_a_line_longer_than_a_packet_arrives(served: Served, work: Work, application: str) -> None:
    async def long(pushes: Sequence[Push]) -> AsyncGenerator[str, None]:
        yield "x" * 200_000

    served.scripts[application] = long
    work.commit()
    assert "x" * 200_000 in work.git("push", served.url(application), "main").stderr.replace(
        "remote: ", ""
    )
