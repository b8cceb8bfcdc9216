"""`beeyard pipeline exec`, with real files on this machine's Docker engine."""

import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

from beeyard.cli.steps import Screen
from beeyard.errors import PipelineError
from cli.said import Cli, Said

real = pytest.mark.real
HEADER = "kind: pipeline\ntype: docker\nname: default\n"


@pytest.fixture
def write(tiny: str) -> Callable[[str], None]:
    """Write a `.drone.yml` here, in which IMAGE is one that is there."""
    return lambda text: _write(text.replace("IMAGE", tiny))


def _write(text: str, header: str = HEADER) -> None:
    Path(".drone.yml").write_text(header + text)


@pytest.fixture
def nothing_left(engine: DockerClient) -> Iterator[None]:
    """What `exec` makes is gone at the end."""
    yield
    assert left(engine) == []


def left(engine: DockerClient) -> list[Any]:
    filters: dict[str, Any] = {"label": "beeyard.exec"}
    return [
        *engine.containers.list(all=True, filters=filters),
        *engine.networks.list(filters=filters),
        *engine.volumes.list(filters=filters),
    ]


def rows(said: Said) -> dict[str, list[str]]:
    """The table at the end, by step."""
    lines = said.out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("step "))
    return {line.split()[0]: line.split()[1:] for line in lines[start + 1 :] if line.strip()}


WHOLE = """\
services:
- name: db
  image: IMAGE
  commands: [echo ready, sleep 600]
steps:
- name: test
  image: IMAGE
  commands:
  - getent hosts db > found
  - cat hello.txt
  - echo $DRONE_BRANCH $DRONE_REPO $GREETING
- name: read
  image: IMAGE
  commands: [cat found]
- name: publish
  image: IMAGE
  commands: [exit 1]
  when: {event: tag}
"""


@real
@pytest.mark.usefixtures("nothing_left")
def test_a_pipeline_of_this_folder(cli: Cli, write: Callable[[str], None]) -> None:
    write(WHOLE)
    Path("hello.txt").write_text("hello\n")
    Path("variables").write_text("GREETING=hi\n")
    said = cli("pipeline", "exec", "--branch", "release", "--env-file", "variables")
    assert said.code == 0
    assert said.err == ""
    lines = said.out.splitlines()
    assert "[test:1] + getent hosts db > found" in lines
    assert "[test:3] hello" in lines
    assert "[test:5] release local/work hi" in lines
    assert any(line.startswith("[read:2] ") and line.endswith(" db") for line in lines)
    table = rows(said)
    assert [*table] == ["clone", "db", "test", "read", "publish"]
    assert [table[name][0] for name in table] == [*["success"] * 4, "skipped"]
    assert not Path("found").exists(), "it is a copy of the folder"


@real
@pytest.mark.usefixtures("nothing_left")
def test_a_step_that_fails(cli: Cli, write: Callable[[str], None]) -> None:
    write(
        "steps:\n- {name: lint, image: IMAGE, commands: [exit 9], failure: ignore}\n"
        "- {name: test, image: IMAGE, commands: [exit 3]}\n"
        "- {name: deploy, image: IMAGE, commands: [echo never]}\n"
        "- {name: tell, image: IMAGE, when: {status: [failure]},"
        " commands: ['echo $DRONE_BUILD_STATUS: $DRONE_FAILED_STEPS']}\n"
    )
    said = cli("pipeline", "exec")
    assert said.code == PipelineError.exit_code
    assert said.error == (
        "error: the pipeline default failed\n  where: step test\n  why:   exit code 3\n"
    )
    assert "[tell:2] failure: test" in said.out.splitlines()
    assert rows(said)["deploy"][:2] == ["skipped", "-"]
    as_json = cli("--json", "pipeline", "exec")
    assert as_json.code == PipelineError.exit_code
    assert (as_json.data["pipeline"], as_json.data["state"], as_json.data["culprit"]) == (
        "default",
        "failure",
        "test",
    )
    found = {one["step"]: one for one in as_json.data["steps"]}
    assert (found["test"]["state"], found["test"]["exit_code"]) == ("failure", 3)
    assert "[test:1] + exit 3" in as_json.err.splitlines()


@real
@pytest.mark.usefixtures("nothing_left")
def test_secrets_come_from_a_file_and_are_not_shown(cli: Cli, write: Callable[[str], None]) -> None:
    write(
        "steps:\n- name: a\n  image: IMAGE\n  environment: {TOKEN: {from_secret: token}}\n"
        "  commands: ['test \"$TOKEN\" = \"hunter2 hunter3\"', 'echo $TOKEN',"
        " 'printf \"$TOKEN\" | base64', 'env']\n"
    )
    Path("secrets").write_text('Token="hunter2 hunter3"\n')
    said = cli("pipeline", "exec", "--secret-file", "secrets")
    assert said.code == 0
    assert "[a:3] ******" in said.out.splitlines()
    assert "aHVudGVy" not in said.out
    missing = cli("pipeline", "exec")
    assert missing.code == PipelineError.exit_code
    assert missing.error == (
        "error: the pipeline default can't be run\n  why:   the secret token is missing\n"
    )


@real
@pytest.mark.usefixtures("nothing_left")
def test_steps_can_be_chosen(cli: Cli, write: Callable[[str], None]) -> None:
    write(WHOLE)
    Path("hello.txt").touch()
    said = cli("pipeline", "exec", "--include", "test", "--include", "read", "--exclude", "read")
    assert (said.code, rows(said)["test"][0], rows(said)["read"][0]) == (0, "success", "skipped")
    assert cli("pipeline", "exec", "--include", "tset").error == (
        "error: the pipeline default can't be run\n  why:   there is no step tset\n"
    )


@real
@pytest.mark.usefixtures("nothing_left")
def test_the_folder_itself_may_be_the_workspace(cli: Cli, write: Callable[[str], None]) -> None:
    write("steps:\n- {name: a, image: IMAGE, commands: [echo made > out.txt]}\n")
    assert cli("pipeline", "exec", "--mount").code == 0
    assert Path("out.txt").read_text() == "made\n"


@real
@pytest.mark.usefixtures("nothing_left")
def test_a_pipeline_that_takes_too_long(cli: Cli, write: Callable[[str], None]) -> None:
    write("steps:\n- {name: a, image: IMAGE, commands: [sleep 600]}\n")
    said = cli("pipeline", "exec", "--timeout", "1s")
    assert said.code == PipelineError.exit_code
    assert said.error == (
        "error: the pipeline default was stopped\n"
        "  why:   stopped at the pipeline's time limit of 1 s\n"
    )


@real
@pytest.mark.usefixtures("nothing_left")
def test_an_image_that_can_t_be_had(cli: Cli) -> None:
    _write("steps:\n- {name: a, image: 'registry.invalid/none:1', commands: [ls]}\n")
    said = cli("pipeline", "exec")
    assert said.code == PipelineError.exit_code
    assert said.first_line == "error: the pipeline default could not be run"
    assert "the image registry.invalid/none:1 can't be pulled: " in said.error
    assert "no such host" in said.error


# Stopped in the middle.


@pytest.fixture
def hanging(write: Callable[[str], None]) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Start a pipeline that does not end, and wait until it runs."""
    started: list[subprocess.Popen[str]] = []
    write(
        "services:\n- {name: db, image: IMAGE, commands: [sleep 600]}\n"
        "steps:\n- {name: a, image: IMAGE, commands: [echo waiting, sleep 600]}\n"
    )

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "beeyard.cli", "pipeline", "exec"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        assert any("[a:2] waiting" in line for line in process.stdout)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@real
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize(("number", "by"), [(signal.SIGINT, "you"), (signal.SIGTERM, "SIGTERM")])
def test_an_interrupt_leaves_nothing(
    hanging: Callable[[], subprocess.Popen[str]], number: int, by: str
) -> None:
    process = hanging()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"error: stopped by {by}" in said
    assert "Traceback" not in said


@real
@pytest.mark.usefixtures("nothing_left")
def test_what_a_killed_one_left_goes_with_the_next_and_others_stay(
    hanging: Callable[[], subprocess.Popen[str]], engine: DockerClient, cli: Cli, tiny: str
) -> None:
    living, killed = hanging(), hanging()
    there = len(left(engine))
    killed.kill()
    killed.wait()
    assert len(left(engine)) == there
    _write(f"steps:\n- {{name: b, image: '{tiny}', commands: ['true']}}\n")
    assert cli("pipeline", "exec").code == 0
    assert len(left(engine)) == there // 2
    living.send_signal(signal.SIGINT)
    living.communicate(timeout=60)


# What needs no engine.


def test_a_file_with_mistakes(cli: Cli) -> None:
    _write("steps:\n- name: a\n  imgae: x\n")
    said = cli("pipeline", "exec")
    assert said.code == 3
    assert ".drone.yml:6:3: " in said.err
    assert cli("pipeline", "exec", "--json").data["mistakes"]


def test_a_file_that_is_not_there(cli: Cli) -> None:
    said = cli("pipeline", "exec")
    assert (said.code, said.first_line) == (3, "error: .drone.yml can't be read")


SEVERAL = """\
kind: pipeline
name: one
steps: [{name: a, image: x, privileged: true}]
---
kind: pipeline
name: two
trigger: {branch: prod}
steps: [{name: b, image: x, privileged: true}]
"""


def test_which_of_several_pipelines(cli: Cli) -> None:
    _write(SEVERAL, header="")
    said = cli("pipeline", "exec")
    assert (said.code, said.fix) == (PipelineError.exit_code, "say which: --pipeline one | two\n")
    one = cli("pipeline", "exec", "--pipeline", "one")
    assert "step a: `privileged` needs a repository that is trusted" in one.error
    two = cli("pipeline", "exec", "--pipeline", "two")
    assert "note: a cluster would not run two: the branch is `main`, not `prod`" in two.err
    assert cli("pipeline", "exec", "--pipeline", "three").fix == "name one of: one, two\n"


def test_without_an_engine(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    _write("steps:\n- {name: a, image: x, commands: [ls]}\n")
    said = cli("pipeline", "exec")
    assert said.code == 4
    assert said.first_line == "error: there is no Docker engine that could run the pipeline"


@pytest.mark.parametrize("time", ["0", "1d", "h", "", "5x", "1h2"])
def test_a_time_that_is_none(cli: Cli, time: str) -> None:
    said = cli("pipeline", "exec", "--timeout", time)
    assert (said.code, said.first_line) == (
        2,
        "error: invalid value for --timeout: write such as 90s, 30m or 1h30m",
    )


def test_an_event_that_is_none(cli: Cli) -> None:
    assert cli("pipeline", "exec", "--event", "merge").code == 2


# How output is shown.


class Stream:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        pass


def screen(*, coloured: bool = False) -> tuple[Screen, Any]:
    stream: Any = Stream()
    return Screen(stream, coloured=coloured), stream


def test_lines_are_whole_whatever_comes_in_which_pieces() -> None:
    shown, stream = screen()
    sink = shown.open_log("a")
    for piece in (b"on", b"e\ntw", b"o\r\n\n", "\N{SNOWMAN}".encode()[:2]):
        sink.write(piece)
    sink.write("\N{SNOWMAN}".encode()[2:])
    assert stream.text == "[a:1] one\n[a:2] two\n[a:3] \n"
    sink.close()
    assert stream.text.endswith("[a:3] \n[a:4] \N{SNOWMAN}\n")


def test_a_line_without_an_end_is_shown_in_parts() -> None:
    shown, stream = screen()
    sink = shown.open_log("a")
    for _ in range(5):
        sink.write(b"x" * 30_000)
    assert stream.text.count("\n") == 1
    sink.close()
    assert stream.text.count("x") == 150_000


def test_each_step_has_a_colour() -> None:
    shown, stream = screen(coloured=True)
    for name in ("a", "b"):
        shown.open_log(name).write(b"x\n")
    assert stream.text == "\x1b[36m[a:1]\x1b[0m x\n\x1b[35m[b:1]\x1b[0m x\n"


@real
@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("no_color", [False, True])
def test_colours_are_for_terminals_of_those_who_want_them(
    write: Callable[[str], None], no_color: bool
) -> None:
    write("steps:\n- {name: a, image: IMAGE, commands: [ls]}\n")
    text = on_terminal({"NO_COLOR": "1"} if no_color else {})
    # What is bold stays so: NO_COLOR is of colours alone.
    assert ("\x1b[3" in text) is not no_color
    assert "[a:1]" in text


def on_terminal(more: dict[str, str]) -> str:
    """What `pipeline exec` writes to a terminal."""
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "beeyard.cli", "pipeline", "exec"],
        stdin=subprocess.DEVNULL,
        stdout=its,
        stderr=its,
        env={**os.environ, **more},
    )
    os.close(its)
    parts: list[bytes] = []

    def read() -> None:
        # A terminal without anybody on its other side ends with an error.
        try:
            while part := os.read(ours, 4096):
                parts.append(part)
        except OSError:
            pass

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert process.wait(120) == 0
    reader.join(10)
    os.close(ours)
    return b"".join(parts).decode()
