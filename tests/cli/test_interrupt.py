"""Ctrl-C and SIGTERM in the middle of it: children end, and one sentence is said."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from beeyard.waiting import SystemClock, wait_until
from cli.aws import Api, api
from cli.said import WriteFile

#: A Terraform that never comes to an end, and takes its time to stop when it is told to.
ENDLESS = """\
#!/bin/sh
case "$*" in *version*) echo '{"terraform_version": "1.11.4"}'; exit;; esac
trap 'kill $!; sleep 1; echo saved >> "$ENDLESS_PIDS.saved"; exit 1' INT
sleep 600 &
echo "$$ $!" >> "$ENDLESS_PIDS"
wait
"""
SENTENCE = "error: stopped by {}\n  do:    run it again to go on from here\n"


@pytest.fixture
def aws() -> Iterator[Api]:
    with api() as server:
        yield server


@pytest.fixture
def pids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: WriteFile) -> Path:
    """Put the endless Terraform on PATH; the file that its processes write themselves into."""
    file()
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "terraform").write_text(ENDLESS)
    (programs / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("ENDLESS_PIDS", str(tmp_path / "pids"))
    return tmp_path / "pids"


@pytest.mark.parametrize(("number", "by"), [(signal.SIGINT, "you"), (signal.SIGTERM, "SIGTERM")])
def test_while_terraform_runs(aws: Api, pids: Path, number: int, by: str) -> None:
    with _up(aws) as process:
        _await(lambda: pids.exists() and pids.read_text().endswith("\n"))
        children = [psutil.Process(int(pid)) for pid in pids.read_text().split()]
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.endswith(SENTENCE.format(by))
    assert ": failed after " in err
    assert "Traceback" not in err
    assert [child for child in children if child.is_running()] == []
    assert Path(f"{pids}.saved").read_text() == "saved\n"


def test_while_the_aws_api_is_asked(aws: Api, pids: Path) -> None:
    """botocore takes every Exception for a failed connection, so Ctrl-C must be none."""
    aws.held.clear()
    with _up(aws) as process:
        _await(aws.asked.is_set)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.endswith(SENTENCE.format("you"))


def test_as_json(aws: Api, pids: Path) -> None:
    aws.held.clear()
    with _up(aws, "--json") as process:
        _await(aws.asked.is_set)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert '"error": "Interrupted"' in out


@contextlib.contextmanager
def _up(aws: Api, *options: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "beeyard.cli", *options, "up", "--yes"],
        env={**os.environ, **aws.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # As a shell would: Ctrl-C must not be ignored from the start.
        restore_signals=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def _await(condition: Callable[[], bool]) -> None:
    wait_until(condition, clock=SystemClock(), deadline=30, interval=0.05)
