"""Output through a file: of a process that goes on, however whoever started it ends."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from beeyard.errors import ToolError
from beeyard.process import Command, LocalRunner
from beeyard.process_file import is_written
from beeyard.waiting import SystemClock, wait_until

#: Says a line, waits for a file to come, says another.
SLOW = """\
import pathlib, sys, time
print("begun", flush=True)
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.02)
print("done", flush=True)
pathlib.Path(sys.argv[2]).touch()
"""
#: Runs that, as beeyard does.
STARTS = """\
import sys
from pathlib import Path
from beeyard.process import Command, LocalRunner

command = Command([sys.executable, "-c", *sys.argv[2:]], output=Path(sys.argv[1]))
LocalRunner().run(command, on_line=lambda line: print(line, flush=True))
"""


def python(code: str, *arguments: str, output: Path) -> Command:
    return Command([sys.executable, "-c", code, *arguments], output=output)


def until(condition: object) -> None:
    assert callable(condition)
    wait_until(condition, clock=SystemClock(), deadline=20, interval=0.02)


def test_what_it_says_comes_line_by_line_and_as_a_whole(tmp_path: Path) -> None:
    heard: list[str] = []
    code = "import sys; print('one'); print('two', file=sys.stderr); print('no end', end='')"
    done = LocalRunner().run(python(code, output=tmp_path / "said"), on_line=heard.append)
    assert sorted(heard) == ["no end", "one", "two"]
    assert sorted(done.stdout.split("\n")) == sorted((tmp_path / "said").read_text().split("\n"))
    assert done.stderr == ""


def test_a_line_that_is_written_in_two_goes_is_one(tmp_path: Path) -> None:
    code = "import sys, time; w = sys.stdout; w.write('on'); w.flush(); time.sleep(0.3); print('e')"
    heard: list[str] = []
    LocalRunner().run(python(code, output=tmp_path / "said"), on_line=heard.append)
    assert heard == ["one"]


def test_it_holds_what_was_said_last_alone(tmp_path: Path) -> None:
    for word in ("a longer first one", "second"):
        LocalRunner().run(python(f"print('{word}')", output=tmp_path / "said"))
    assert (tmp_path / "said").read_text() == "second\n"


def test_an_error_has_its_words(tmp_path: Path) -> None:
    code = "import sys; print('why', file=sys.stderr); sys.exit(3)"
    done = LocalRunner().run(python(code, output=tmp_path / "said"), check=False)
    assert (done.code, done.tail()) == (3, "why")


def test_it_goes_on_when_whoever_started_it_is_killed(tmp_path: Path) -> None:
    said, go, done = tmp_path / "said", tmp_path / "go", tmp_path / "done"
    argv = [sys.executable, "-c", STARTS, str(said), SLOW, str(go), str(done)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert is_written(said)
    go.touch()
    until(lambda: not is_written(said))
    assert done.exists()
    assert said.read_text() == "begun\ndone\n"


def test_a_second_one_is_not_started_beside_it(tmp_path: Path) -> None:
    said, go, done = tmp_path / "said", tmp_path / "go", tmp_path / "done"
    argv = [sys.executable, "-c", STARTS, str(said), SLOW, str(go), str(done)]
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL) as process:
        until(lambda: is_written(said))
        with pytest.raises(ToolError, match="what was started before is still at work") as caught:
            LocalRunner().run(python("print('mine')", output=said))
        go.touch()
        assert process.wait(timeout=20) == 0
    assert caught.value.where == str(said)
    assert said.read_text() == "begun\ndone\n"


def test_what_was_never_written_is_not_written(tmp_path: Path) -> None:
    assert not is_written(tmp_path / "none")
    (tmp_path / "old").write_text("from before")
    assert not is_written(tmp_path / "old")


def test_an_interrupt_reaches_it(tmp_path: Path) -> None:
    """Ctrl-C is passed on, as to any other process."""
    runner = LocalRunner()
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGINT, lambda *_: sys.exit(7))\n"
        "print('ready', flush=True)\n"
        "time.sleep(60)"
    )
    done = runner.run(
        python(code, output=tmp_path / "said"),
        check=False,
        on_line=lambda line: runner.interrupt() if line == "ready" else None,
    )
    assert done.code == 7


def test_its_file_is_no_terminal_and_ours_stays_open(tmp_path: Path) -> None:
    """None of our own files goes to it, and none of its is left with us."""
    before = set(Path("/proc/self/fd").iterdir())
    LocalRunner().run(python("print('a')", output=tmp_path / "said"))
    assert set(Path("/proc/self/fd").iterdir()) <= before
