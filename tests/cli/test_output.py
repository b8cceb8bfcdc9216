"""Where output goes: results to standard output, progress and errors to standard error; live on a
terminal, plain lines elsewhere; tracebacks when asked for.
"""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from beeyard.cli import files
from beeyard.config import json_schema
from cli.aws import api
from cli.said import MINIMAL, Cli, WriteFile

PROGRAM = [sys.executable, "-m", "beeyard.cli"]


def test_init_check_schema(cli: Cli) -> None:
    said = cli("init", "--name", "shop", "--domain", "shop.example.com")
    assert (said.code, said.err) == (0, "")
    assert said.out == "wrote beeyard.yml; next: edit it, then beeyard check\n"
    assert "domain: shop.example.com\n" in Path("beeyard.yml").read_text()
    said = cli("check")
    assert (said.code, said.out, said.err) == (0, f"✓ {Path.cwd()}/beeyard.yml is right\n", "")
    said = cli("schema")
    assert (said.code, said.data) == (0, json_schema())


def test_init_overwrites_nothing(cli: Cli, file: WriteFile) -> None:
    path = file("mine\n")
    said = cli("init")
    assert said.code == 11
    assert said.error == (
        "error: beeyard.yml is there already\n  do:    edit it, or remove it first\n"
    )
    assert path.read_text() == "mine\n"


def test_init_writes_nothing_that_is_wrong(cli: Cli) -> None:
    said = cli("init", "--name", "X_", "--domain", "shop")
    assert said.code == 3
    assert said.first_line == "error: nothing was written: beeyard.yml would be wrong"
    assert "name: `X_` can't name a cluster" in said.error
    assert "domain: `shop` is no domain" in said.error
    assert not Path("beeyard.yml").exists()


def test_init_into_a_folder_that_is_none(cli: Cli) -> None:
    said = cli("init", "there")
    assert (said.code, said.fix) == (3, "mkdir -p there\n")


def test_results_and_errors_as_json(cli: Cli, file: WriteFile) -> None:
    assert cli("init", "--json", "--name", "shop").data == {"file": "beeyard.yml"}
    assert cli("check", "--json").data == {"file": f"{Path.cwd()}/beeyard.yml", "findings": []}
    file(MINIMAL.replace("ssh:\n", "ssh:\n  key: keys/operator\n"))
    said = cli("--json", "check")
    assert said.code == 3
    assert [found["level"] for found in said.data["findings"]] == ["error"]
    file()
    said = cli("up", "--json", "--yes")
    assert said.code == 5
    assert said.data["error"] == "CloudError"
    assert said.data["what"] == "there are no AWS credentials"
    assert "account: failed after" in said.err


def test_progress_is_plain_lines_without_a_terminal(cli: Cli, file: WriteFile) -> None:
    file()
    said = cli("up", "--yes")
    assert said.out == ""
    progress = said.err[: said.err.index("error:")].splitlines()
    assert [re.sub(r"\d+\.\d", "0.0", line) for line in progress] == [
        "   0.0s  account …",
        "   0.0s  account: failed after 0.0 s",
    ]


def test_a_traceback_only_with_debug(cli: Cli, file: WriteFile) -> None:
    file()
    assert "Traceback" not in cli("up").err
    assert "Traceback" in cli("up", "--debug").err


def test_debug_by_the_environment(
    cli: Cli, file: WriteFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    file()
    monkeypatch.setenv("BEEYARD_DEBUG", "1")
    assert "Traceback" in cli("up").err


def test_a_mistake_of_our_own_is_told_in_words(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise KeyError("managers")

    monkeypatch.setattr(files, "json_schema", broken)
    said = cli("schema")
    assert (said.code, said.out) == (1, "")
    assert said.first_line == "error: beeyard itself failed: KeyError: 'managers'"
    assert f"  where: {__file__}:" in said.error
    assert said.fix == "run it again with --debug, and report what it prints\n"
    assert "Traceback" not in said.err
    assert "Traceback" in cli("schema", "--debug").err


def test_brackets_in_a_message_are_no_markup(cli: Cli) -> None:
    assert cli("-f", "[bold]x[/bold].yml", "check").first_line == (
        "error: There is no file [bold]x[/bold].yml."
    )


def test_the_certificate_of_no_rehearsal(cli: Cli) -> None:
    said = cli("sandbox", "ca", "shop")
    assert (said.code, said.out) == (6, "")
    assert said.first_line == "error: the rehearsal shop has no certificate"
    assert said.fix == "bring it up first: beeyard --sandbox up\n"


def test_a_reader_that_goes_away() -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as pipe:
        done = subprocess.run(
            [*PROGRAM, "schema"], stdout=pipe, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"")


def test_live_on_a_terminal(file: WriteFile) -> None:
    file()
    code, text = _on_terminal("up", "--yes")
    assert code == 5
    assert "✗ account" in _plain(text)
    assert "\x1b[31m✗" in text
    assert "error: there are no AWS credentials" in _plain(text)
    assert "Traceback" not in text


def test_no_color_is_respected(file: WriteFile) -> None:
    file()
    code, text = _on_terminal("up", "--yes", NO_COLOR="1")
    assert code == 5
    assert "✗ account" in _plain(text)
    assert re.findall(r"\x1b\[[0-9;]*[349][0-9][0-9;]*m", text) == []


def test_a_question_is_not_drawn_over(file: WriteFile) -> None:
    file()
    with api() as aws:
        code, text = _on_terminal("up", answer="n\n", **aws.environment)
    assert code == 11
    plain = _plain(text)
    question = plain.index("Go on? [y/N]: ")
    assert "✓ account" in plain[:question]
    assert "123456789012 in eu-central-1" in plain[:question]
    assert "account" not in plain[question:]
    assert "you said no; nothing was changed" in plain[question:]


def _on_terminal(*arguments: str, answer: str = "", **environment: str) -> tuple[int, str]:
    """Exit code and all that a terminal of 80 columns was sent, standard output included."""
    inner, outer = pty.openpty()
    try:
        with subprocess.Popen(
            [*PROGRAM, *arguments],
            stdin=outer,
            stdout=outer,
            stderr=outer,
            env=_environment(environment),
        ) as process:
            os.close(outer)
            if answer:
                os.write(inner, answer.encode())
            text = _read_all(inner)
            return process.wait(timeout=60), text
    finally:
        os.close(inner)


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **more}


def _read_all(terminal: int) -> str:
    read = bytearray()
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:
            # How Linux says that nobody holds the other side any more.
            return read.decode()
        if not part:
            return read.decode()
        read += part


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
