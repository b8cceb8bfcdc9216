"""Processes, started for real; and the fake that must behave the same."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.errors import ToolError
from beeyard.process import (
    Command,
    CommandFailed,
    CommandTimeout,
    ContainerRunner,
    LocalRunner,
    Runner,
    Running,
    SshRunner,
    Starter,
)
from beeyard.testing import FakeClock, FakeRunner
from beeyard.waiting import SystemClock, wait_until

SPEAKS = Command(["sh", "-c", "echo out; echo err >&2"])
FAILS = Command(["sh", "-c", "echo bad >&2; exit 3"])
MISSING = Command(["no-such-program-anywhere", "-v"])
SLOW = Command(["sh", "-c", "echo begun; exec sleep 60"], timeout=0.3)


def scripted() -> FakeRunner:
    """A fake that plays what the commands above really do."""
    return (
        FakeRunner()
        .expect(*SPEAKS.argv, stdout="out\n", stderr="err\n", times=9)
        .expect(*FAILS.argv, stderr="bad\n", code=3, times=9)
        .expect("no-such-program-anywhere", ..., missing=True, times=9)
        .expect(*SLOW.argv, stdout="begun\n", seconds=60, times=9)
    )


@pytest.fixture(params=[LocalRunner, scripted], ids=["real", "fake"])
def runner(request: pytest.FixtureRequest) -> Runner:
    make: Callable[[], Runner] = request.param
    return make()


class TestContract:
    """What holds for every runner, so that the fake proves what the real one does."""

    def test_it_gives_back_what_was_said(self, runner: Runner) -> None:
        done = runner.run(SPEAKS)
        assert (done.code, done.stdout, done.stderr) == (0, "out\n", "err\n")
        assert done.command is SPEAKS
        assert done.tail() == "err"

    def test_a_failure_carries_argv_and_output(self, runner: Runner) -> None:
        with pytest.raises(CommandFailed, match="ended with exit code 3") as caught:
            runner.run(FAILS)
        assert caught.value.why == "bad"
        assert caught.value.completed.command is FAILS

    def test_a_failure_that_is_expected_is_no_error(self, runner: Runner) -> None:
        assert runner.run(FAILS, check=False).code == 3

    def test_lines_are_told_as_they_come(self, runner: Runner) -> None:
        lines: list[str] = []
        runner.run(SPEAKS, on_line=lines.append)
        assert sorted(lines) == ["err", "out"]

    def test_a_missing_program_is_named(self, runner: Runner) -> None:
        with pytest.raises(
            ToolError, match="`no-such-program-anywhere` is not installed"
        ) as caught:
            runner.run(MISSING, check=False)
        assert "no-such-program-anywhere" in str(caught.value.fix)

    def test_the_deadline_holds_and_what_was_said_is_kept(self, runner: Runner) -> None:
        started = time.monotonic()
        with pytest.raises(CommandTimeout, match=r"was stopped after 0\.3 s") as caught:
            runner.run(SLOW)
        assert caught.value.why == "begun"
        assert time.monotonic() - started < 10


@pytest.mark.parametrize("make", [LocalRunner, FakeRunner], ids=["real", "fake"])
def test_a_process_in_the_background_runs_until_it_is_stopped(
    make: Callable[[], Starter],
) -> None:
    command = Command(["sh", "-c", "echo ready >&2; exec sleep 60"])
    starter = make()
    if isinstance(starter, FakeRunner):
        starter.expect(*command.argv, stderr="ready\n")
    running = starter.start(command)
    try:
        wait_until(
            lambda: running.said() == "ready", clock=SystemClock(), deadline=10, interval=0.02
        )
        assert not ended(running)
    finally:
        running.stop()
    assert ended(running)
    assert running.code != 0
    running.stop()


def ended(running: Running) -> bool:
    return running.code is not None


def test_of_one_that_has_ended_all_that_it_said_is_there() -> None:
    """Also where its end is seen before its words are."""
    count = 20_000
    for _ in range(5):
        running = LocalRunner().start(Command(["seq", str(count)]))
        while running.code is None:
            pass
        assert running.said(1) == str(count)
        running.stop()


def test_the_fake_refuses_what_was_not_scripted() -> None:
    with pytest.raises(AssertionError, match="nothing was scripted for `docker ps`"):
        FakeRunner().run(Command(["docker", "ps"]))


def test_the_fake_misses_what_never_came() -> None:
    with pytest.raises(AssertionError, match="never came"), FakeRunner().expect("docker", ...):
        pass


def test_the_fake_clock_passes_time_at_once() -> None:
    clock = FakeClock()
    clock.sleep(90)
    assert (clock.monotonic(), clock.slept) == (90, [90])
    with pytest.raises(ValueError, match="non-negative"):
        clock.sleep(-1)


def test_input_larger_than_a_pipe_arrives_whole() -> None:
    data = b"x" * 3_000_000
    done = LocalRunner().run(Command(["wc", "-c"], input=data))
    assert int(done.stdout) == len(data)


def test_input_that_nobody_reads_does_not_hold_up_the_deadline() -> None:
    with pytest.raises(CommandTimeout):
        LocalRunner().run(Command(["sleep", "60"], input=b"x" * 3_000_000, timeout=0.3))


def test_a_program_that_ends_without_reading_speaks_for_itself() -> None:
    with pytest.raises(CommandFailed, match="exit code 5"):
        LocalRunner().run(Command(["sh", "-c", "exit 5"], input=b"x" * 3_000_000))


def test_environment_and_folder_are_the_commands_own(tmp_path: Path) -> None:
    done = LocalRunner().run(
        Command(["sh", "-c", 'echo "$GREETING"; pwd'], env={"GREETING": "hi"}, cwd=tmp_path)
    )
    assert done.stdout.splitlines() == ["hi", str(tmp_path.resolve())]


def test_a_missing_folder_is_not_taken_for_a_missing_program(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="can't be run in"):
        LocalRunner().run(Command(["true"], cwd=tmp_path / "gone"))


def test_a_file_that_is_no_program_is_refused_in_words(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("no program")
    with pytest.raises(ToolError, match="can't be started"):
        LocalRunner().run(Command([str(plain)]))


def test_a_handler_of_lines_that_fails_does_not_block_the_process() -> None:
    def refuse(line: str) -> None:
        raise LookupError(line)

    with pytest.raises(LookupError, match="1"):
        LocalRunner().run(Command(["seq", "100000"]), on_line=refuse)


def test_ctrl_c_ends_the_process_and_all_that_it_started(tmp_path: Path) -> None:
    """A child that ignores SIGINT, as a shell's background jobs do, is ended all the same."""
    program = textwrap.dedent(
        f"""
        from beeyard.process import Command, LocalRunner
        script = 'sleep 300 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/parent; wait'
        LocalRunner().run(Command(["sh", "-c", script]))
        """
    )
    tool = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE)
    try:
        files = [tmp_path / "child", tmp_path / "parent"]
        wait_until(
            lambda: all(file.exists() and file.read_text().strip() for file in files),
            clock=SystemClock(),
            deadline=20,
            interval=0.02,
        )
        tool.send_signal(signal.SIGINT)
        _, said = tool.communicate(timeout=30)
    finally:
        tool.kill()
    assert b"KeyboardInterrupt" in said
    pids = [int(file.read_text()) for file in files]
    wait_until(
        lambda: not any(alive(pid) for pid in pids), clock=SystemClock(), deadline=5, interval=0.02
    )


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_what_is_tied_to_us_ends_when_we_are_killed(tmp_path: Path) -> None:
    program = (
        "import time; from beeyard.process import *; "
        "made = LocalRunner().start(Command(['cat'], tied=True)); "
        "print(made._process.pid, flush=True); time.sleep(60)"
    )
    ours = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert ours.stdout is not None
    tied = int(ours.stdout.readline())
    assert alive(tied)
    ours.kill()
    ours.communicate()
    wait_until(lambda: not alive(tied), clock=SystemClock(), deadline=10, interval=0.02)


def test_what_is_tied_runs_until_it_is_stopped() -> None:
    running = LocalRunner().start(Command(["cat"], tied=True))
    assert running.code is None
    running.stop()
    assert running.code is not None


def test_over_ssh_every_argument_arrives_as_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ssh joins its arguments into one line for the remote shell: a stand-in does the same."""
    fake_ssh = tmp_path / "ssh"
    fake_ssh.write_text(
        '#!/bin/sh\nwhile [ "$1" != "--" ]; do shift; done; shift; exec sh -c "$*"\n'
    )
    fake_ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    hostile = ["a b", "$HOME", "`id`", "x;y", "'quoted'", '"double"', "*", "", "new\nline", "ü"]
    ssh = SshRunner(LocalRunner(), tmp_path / "config", "manager-1")
    done = ssh.run(
        Command(["printf", "%s|", *hostile], env={"A": "b c;d"}, cwd=tmp_path, timeout=10)
    )
    assert done.stdout == "".join(f"{word}|" for word in hostile)
    seen = ssh.run(Command(["sh", "-c", 'printf %s "$A"; pwd; cat'], b"in", {"A": "b;c"}, tmp_path))
    assert seen.stdout == f"b;c{tmp_path.resolve()}\nin"
    environment = {f"V{number}": word for number, word in enumerate(hostile)}
    names = " ".join(f'"${name}"' for name in environment)
    told = ssh.run(Command(["sh", "-c", f"printf '%s|' {names}; cat"], b"=1\n", environment))
    assert told.stdout == "".join(f"{word}|" for word in hostile) + "=1\n"


def test_the_ssh_command_line() -> None:
    local = FakeRunner().expect(
        "ssh", "-F", "cfg", "-T", "worker-1", "--", "sudo -n env -C /srv docker info", times=1
    )
    with local:
        SshRunner(local, Path("cfg"), "worker-1", sudo=True).run(
            Command(["docker", "info"], cwd=Path("/srv"), timeout=7)
        )
    assert local.calls[0].timeout == 7
    assert local.calls[0].input == b"", "ssh must not read our own standard input"


def test_no_command_line_holds_the_environment() -> None:
    local = FakeRunner().expect("ssh", ...).expect("docker", ...)
    command = Command(["docker", "info"], b"in", {"TOKEN": "sesame"})
    with local:
        SshRunner(local, Path("cfg"), "worker-1", sudo=True).run(command)
        ContainerRunner(local, "box").run(command)
    over_ssh, in_container = local.calls
    assert "sesame" not in f"{over_ssh} {in_container}"
    assert over_ssh.input == b"TOKEN=sesame\nin"
    assert in_container.env == {"TOKEN": "sesame"}


def test_the_container_command_line() -> None:
    local = FakeRunner().expect(
        "docker", "exec", "-i", "-e", "A", "-w", "/srv", "box", "ls", "-l", times=1
    )
    with local:
        ContainerRunner(local, "box").run(Command(["ls", "-l"], env={"A": "1"}, cwd=Path("/srv")))
