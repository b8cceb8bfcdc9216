"""Logs that grow by pieces, which may come twice, late, or too early."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from beeyard.controller.logs import Ahead, Logs
from beeyard.controller.records import RunCreated, StageEnded, StagePlan, StepPlan
from beeyard.controller.runs import Run, Runs
from beeyard.errors import PipelineError

NOW = datetime(2030, 5, 1, tzinfo=UTC)


@pytest.fixture
def run() -> Run:
    stage = StagePlan(name="../../etc", steps=(StepPlan(name="a/b"), StepPlan(name="..")))
    runs = Runs()
    runs.apply(
        RunCreated(at=datetime.now(UTC), run=7, application="shop", event={}, stages=(stage,))
    )
    found = runs.get(7)
    assert found is not None
    return found


def test_a_piece_that_comes_twice_or_overlaps_is_written_once(tmp_path: Path, run: Run) -> None:
    kept = Logs(tmp_path)
    path = kept.path(run, "../../etc", "a/b")
    assert kept.append(path, 0, b"one ") == 4
    assert kept.append(path, 0, b"one ") == 4
    assert kept.append(path, 2, b"e two ") == 8
    assert b"".join(kept.pieces(path)) == b"one two "
    assert kept.read(path, 4, 3) == b"two"
    assert kept.tail(path, 1) == ["one two "]


def test_a_piece_that_is_ahead_is_refused_with_where_we_are(tmp_path: Path, run: Run) -> None:
    kept = Logs(tmp_path)
    path = kept.path(run, "../../etc", "a/b")
    kept.append(path, 0, b"abc")
    with pytest.raises(Ahead) as caught:
        kept.append(path, 4, b"e")
    assert caught.value.size == 3
    assert kept.read(path) == b"abc"


def test_what_people_write_names_no_path(tmp_path: Path, run: Run) -> None:
    kept = Logs(tmp_path)
    assert kept.path(run, "../../etc", "..") == tmp_path / "7" / "0-1.log"
    with pytest.raises(PipelineError, match="no step"):
        kept.path(run, "../../etc", "passwd")


def test_a_log_is_kept_up_to_a_size(tmp_path: Path, run: Run) -> None:
    kept = Logs(tmp_path, most=10)
    path = kept.path(run, "../../etc", "a/b")
    assert kept.append(path, 0, b"0123456789abc") == 10
    assert kept.append(path, 10, b"more") == 10
    assert kept.read(path) == b"0123456789"


def test_a_log_that_is_not_there_is_empty(tmp_path: Path, run: Run) -> None:
    kept = Logs(tmp_path)
    path = kept.path(run, "../../etc", "a/b")
    assert (kept.size(path), kept.read(path), list(kept.pieces(path))) == (0, b"", [])
    kept.sync(path)


def test_logs_go_some_time_after_their_run(tmp_path: Path) -> None:
    kept, runs = Logs(tmp_path, days=30), Runs()
    assert kept.sweep(runs, NOW) == []
    stage = StagePlan(name="test", steps=(StepPlan(name="unit"),))
    for number in range(2, 6):
        runs.apply(RunCreated(at=NOW, run=number, application="a", event={}, stages=(stage,)))
    for number, days in ((2, 31), (3, 29)):
        end = StageEnded(at=NOW - timedelta(days), run=number, stage="test", status="success")
        runs.apply(end)
    for number in (1, 2, 3, 4, 6):
        # 1 is known no more, 4 has not ended, and 6 is just being made.
        path = tmp_path / str(number) / "0-0.log"
        path.parent.mkdir()
        path.write_text("said")
    assert kept.sweep(runs, NOW) == [1, 2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4", "6"]
    assert kept.sweep(runs, NOW) == []
