"""Copies of the controller as real processes: killed, frozen, and racing one another."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import beeyard
from beeyard.controller import epochs
from beeyard.controller.epochs import GONE
from beeyard.controller.journal import NAME, Journal, replay
from beeyard.testing import FakeClock
from beeyard.waiting import SystemClock, wait_until
from controller.copies import Counts, Json, take

PROGRAM = Path(__file__).with_name("copies.py")
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(beeyard.__file__).parent.parent)}


def copies(*arguments: object) -> list[str]:
    done = subprocess.run(
        [sys.executable, PROGRAM, *map(str, arguments)],
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.splitlines()


@contextmanager
def holder(folder: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, PROGRAM, "obey", folder, name],
        env=ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def tell(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdin is not None
    process.stdin.write(word + "\n")
    process.stdin.flush()


@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_that_a_copy_was_sure_of_is_lost_when_it_is_killed(
    tmp_path: Path, seed: int
) -> None:
    """Each copy replays what those before it wrote, and fails if a record is missing or there
    twice; some of them are killed in the middle of a compaction."""
    folder = tmp_path / "epochs"
    sure: dict[str, int] = {}
    for line in copies("killed", folder, seed, 110):
        sure |= json.loads(line)

    counts = Counts()
    for record in replay(folder, Json()):
        counts.apply(record)

    assert len(sure) > 80
    behind = {name for name, number in sure.items() if counts.by_writer.get(name, 0) < number}
    assert behind == set()


def test_of_many_that_claim_an_epoch_one_wins(tmp_path: Path) -> None:
    folder = tmp_path / "epochs"
    results = [json.loads(line) for line in copies("race", folder, 8, 12)]

    won = sorted(epoch for result in results for epoch in result["won"])
    assert won == list(range(1, 8 * 12 + 1))
    kept = {(record["writer"], record["n"]) for record in replay(folder, Json())}
    sure = {(result["name"], number) for result in results for number in result["sure"]}
    assert sure <= kept
    assert sure


def test_a_holder_that_was_frozen_is_ignored_and_stops(tmp_path: Path) -> None:
    folder = tmp_path / "epochs"
    with holder(folder, "frozen") as process:
        assert said(process) == f"holds 1 {process.pid}"
        tell(process, "before")
        assert said(process) == "sure"
        process.send_signal(signal.SIGSTOP)
        wait_until(
            lambda: _is_stopped(process.pid), clock=SystemClock(), deadline=10, interval=0.01
        )
        tell(process, "ghost")

        seen: list[object] = []
        clock = FakeClock()
        lease = epochs.claim(folder, "awake", clock=clock)
        journal = Journal.open(lease, Json(), lambda record: seen.append(record["word"]))
        journal.append([{"word": "after"}])
        pinned = (epochs.place(folder, 1) / NAME).stat().st_size
        assert clock.monotonic() >= GONE

        process.send_signal(signal.SIGCONT)
        assert said(process) == "lost"
        assert process.wait(10) == 0

    # It did write: only nobody reads it.
    assert (epochs.place(folder, 1) / NAME).stat().st_size > pinned
    journal.append([{"word": "later"}])
    assert seen == ["before"]
    assert [record["word"] for record in replay(folder, Json())] == ["before", "after", "later"]
    again: list[object] = []
    Journal.open(take(folder, "third"), Json(), lambda record: again.append(record["word"]))
    assert again == ["before", "after", "later"]


def _is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
