"""`logs` and `exec` on the command line: their words, and how lines are shown."""

import sys
import time
from pathlib import Path

import pytest

from beeyard.cli.inside import Shown, moment
from beeyard.cli.words import in_front
from beeyard.workflows.inside import Line
from cli.said import MINIMAL, Cli, WriteFile

LINE = Line("web", "web.1", "worker-2", "stdout", "2030-01-01T00:00:00.000000000Z", "hello")
APPLICATION = MINIMAL + "applications:\n  shop: {path: shop}\n  wiki: {path: wiki}\n"
EXAMPLES = {
    "logs": ["beeyard logs timeoff", "beeyard logs timeoff web -f --since 10m"],
    "exec": [
        "beeyard exec timeoff web -- sh",
        "beeyard exec timeoff web --task 2 -- python -m timeoff.probe",
    ],
}


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_help(cli: Cli, command: str) -> None:
    said = cli(command, "--help")
    assert (said.code, said.err) == (0, "")
    lines = [line.strip() for line in said.out.splitlines()]
    assert [example for example in EXAMPLES[command] if example not in lines] == []
    assert max(len(line) for line in said.out.splitlines()) <= 80


@pytest.mark.parametrize(
    ("words", "shared", "rest"),
    [
        ("logs shop -f", "", "logs shop -f"),
        ("logs -f shop --json", "--json", "logs -f shop"),
        ("-f x.yml logs shop -f", "-f x.yml", "logs shop -f"),
        ("logs shop --file x.yml -f", "--file x.yml", "logs shop -f"),
        ("exec shop web -- ls --json -f x", "", "exec shop web -- ls --json -f x"),
        ("exec --sandbox shop web -- ls", "--sandbox", "exec shop web -- ls"),
    ],
)
def test_whose_options_they_are(words: str, shared: str, rest: str) -> None:
    assert in_front(words.split()) == (shared.split(), rest.split())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("logs",), "missing argument `APP`"),
        (("exec", "shop", "web"), "missing argument `CMD`"),
        (("logs", "shop", "--tail", "many"),
         ("invalid value for `--tail`: Input should be a valid integer, unable to parse string as "
         "an integer")),
        (("logs", "shop", "--since", "soon"),
         ("invalid value for --since: write 10m, 1h30m, 2d, or a time such as "
         "2030-01-31T12:00:00Z")),
    ],
)  # fmt: skip
def test_a_command_line_with_a_mistake(
    cli: Cli, file: WriteFile, arguments: tuple[str, ...], what: str
) -> None:
    file(APPLICATION)
    said = cli(*arguments)
    assert (said.code, said.first_line) == (2, f"error: {what}")


def test_an_application_that_the_file_does_not_name(cli: Cli, file: WriteFile) -> None:
    file(APPLICATION)
    for arguments in (("logs", "shup"), ("exec", "shup", "web", "--", "ls")):
        said = cli(*arguments)
        assert (said.code, said.first_line) == (3, "error: there is no application shup")


@pytest.mark.parametrize(
    ("text", "ago"),
    [("10m", 600), ("1h30m", 5400), ("45s", 45), ("2d", 172800), ("0s", 0)],
)
def test_how_long_ago(text: str, ago: int) -> None:
    assert moment(text) == pytest.approx(time.time() - ago, abs=2)


def test_a_time() -> None:
    for text in ("1970-01-02T00:00:00Z", "1970-01-02", "1970-01-02T02:00:00+02:00"):
        assert moment(text) == 86400


def test_lines_go_where_they_were_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    show = Shown(timestamps=False)
    show(LINE)
    show(Line("web", "web.1", "worker-2", "stderr", "", "oops"))
    Shown(timestamps=True)(LINE)
    said = capsys.readouterr()
    assert said.err == "web.1@worker-2 | oops\n"
    assert said.out == (
        "web.1@worker-2 | hello\nweb.1@worker-2 | 2030-01-01T00:00:00.000000000Z hello\n"
    )


def test_each_task_has_its_colour(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    show = Shown(timestamps=False)
    for slot in (1, 2, 1):
        show(Line("web", f"web.{slot}", "worker-2", "stdout", "", "hello"))
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == third
    assert first.startswith("\x1b[36mweb.1@worker-2\x1b[0m | ")
    assert second.startswith("\x1b[33mweb.2@worker-2\x1b[0m | ")
    monkeypatch.setenv("NO_COLOR", "1")
    Shown(timestamps=False)(LINE)
    sys.stdout.flush()
    assert capsys.readouterr().out == "web.1@worker-2 | hello\n"


@pytest.mark.parametrize(
    ("words", "known"),
    [
        ("beeyard logs s", ["shop"]),
        ("beeyard logs shop w", ["web", "worker"]),
        ("beeyard exec shop a", ["agent"]),
        ("beeyard exec wiki a", []),
        ("beeyard exec nope a", []),
    ],
)
def test_completion_knows_applications_and_services(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, file: WriteFile, words: str, known: list[str]
) -> None:
    file(APPLICATION)
    Path("shop").mkdir()
    Path("shop/stack.yml").write_text("services: {web: {}, worker: {}, agent: {}}\n")
    monkeypatch.setenv("_BEEYARD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(len(words.split()) - 1))
    assert cli().out.split() == known
