"""`run`, `secret` and `maintenance` on the command line: their words, what they read and show."""

import io
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.text import Text

from beeyard.cli import secrets
from beeyard.cli.secrets import value_of
from beeyard.cli.tasks import show
from beeyard.cli.words import in_front
from beeyard.errors import AppError, render
from beeyard.secret import Secret
from beeyard.swarm.logs import Entry
from beeyard.workflows.secrets import SecretRow, SecretSet
from cli.said import MINIMAL, Cli, WriteFile

APPLICATION = MINIMAL + (
    "applications:\n  shop: {path: shop, secrets: {shop_key: generate, mail_key: generate}}\n"
)
EXAMPLES = {
    ("run",): [
        "beeyard run timeoff web -- migrate",
        "beeyard run timeoff web --timeout 60 --entrypoint sh -- -c 'env | sort'",
    ],
    ("secret", "set"): [
        "beeyard secret set timeoff timeoff_secret_key",
        "openssl rand -hex 32 | beeyard secret set timeoff timeoff_secret_key",
    ],
    ("secret", "ls"): ["beeyard secret ls timeoff"],
    ("secret", "rm"): ["beeyard secret rm timeoff timeoff_mail_key"],
    ("maintenance",): ["beeyard maintenance timeoff on", "beeyard maintenance timeoff off"],
}


@pytest.mark.parametrize("command", EXAMPLES, ids=" ".join)
def test_the_help(cli: Cli, command: tuple[str, ...]) -> None:
    said = cli(*command, "--help")
    assert (said.code, said.err) == (0, "")
    lines = [line.strip() for line in said.out.splitlines()]
    assert [example for example in EXAMPLES[command] if example not in lines] == []
    assert max(len(line) for line in said.out.splitlines()) <= 80


@pytest.mark.parametrize(
    ("words", "shared", "rest"),
    [
        ("run shop web -- ls --json -f x", "", "run shop web -- ls --json -f x"),
        ("run shop web --json -- ls", "--json", "run shop web -- ls"),
        ("secret ls shop --sandbox", "--sandbox", "secret ls shop"),
    ],
)
def test_whose_options_they_are(words: str, shared: str, rest: str) -> None:
    assert in_front(words.split()) == (shared.split(), rest.split())


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (("run", "shop", "web"), "missing argument `CMD`"),
        (("run", "shop", "web", "--timeout", "0", "--", "ls"),
         "invalid value for `--timeout`: Input should be greater than or equal to 1"),
        (("secret",), "missing command"),
        (("secret", "set", "shop"), "missing argument `NAME`"),
        # A value in the command line would be seen by everybody who may list processes.
        (("secret", "set", "shop", "shop_key", "hush"), "got unexpected extra argument(s) (hush)"),
        (("maintenance", "shop", "maybe"),
         "invalid value for `on|off`: `maybe` is not one of `on`, `off`"),
    ],
)  # fmt: skip
def test_a_command_line_with_a_mistake(
    cli: Cli, file: WriteFile, arguments: tuple[str, ...], what: str
) -> None:
    file(APPLICATION)
    said = cli(*arguments)
    assert (said.code, said.first_line) == (2, f"error: {what}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "shup", "web", "--", "ls"),
        ("secret", "set", "shup", "key"),
        ("secret", "ls", "shup"),
        ("secret", "rm", "shup", "key"),
        ("maintenance", "shup", "on"),
    ],
)
def test_an_application_that_the_file_does_not_name(
    cli: Cli, file: WriteFile, arguments: tuple[str, ...]
) -> None:
    file(APPLICATION)
    said = cli(*arguments)
    assert (said.code, said.first_line) == (3, "error: there is no application shup")


def test_lines_go_where_the_task_wrote_them(capsys: pytest.CaptureFixture[str]) -> None:
    show(Entry("t", "n", "stdout", "", "one"))
    show(Entry("t", "n", "stderr", "", "oops"))
    show(Entry("t", "n", "stdout", "", "[two]"))
    said = capsys.readouterr()
    assert (said.out, said.err) == ("one\n[two]\n", "oops\n")


class TestValue:
    def piped(self, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))

    @pytest.mark.parametrize(
        ("data", "value"),
        [(b"hush\n", "hush"), (b"a\r\n", "a"), (b" two\nlines\n\n", " two\nlines"), (b"\n", "")],
    )
    def test_it_is_piped_in_or_in_a_file(
        self, monkeypatch: pytest.MonkeyPatch, data: bytes, value: str
    ) -> None:
        self.piped(monkeypatch, data)
        assert value_of("shop_key", None) == Secret(value)
        Path("value").write_bytes(data)
        assert value_of("shop_key", Path("value")) == Secret(value)

    def test_it_is_asked_for_twice_and_not_shown(self) -> None:
        ask = "from beeyard.cli.secrets import value_of; print(value_of('key', None).reveal())"
        master, slave = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-c", ask],
            stdin=slave,
            stdout=subprocess.PIPE,
            stderr=slave,
            start_new_session=True,
            text=True,
        ) as process:
            seen = b""
            for question, answer in ((b"key: ", b"hush\n"), (b"confirmation: ", b"hush\n")):
                while question not in seen:
                    seen += os.read(master, 1024)
                os.write(master, answer)
            said, _ = process.communicate(timeout=30)
        os.close(slave)
        os.close(master)
        assert (process.returncode, said) == (0, "hush\n")
        assert b"hush" not in seen

    def test_what_is_no_text(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.piped(monkeypatch, b"hush\xff")
        with pytest.raises(AppError, match="the value is no text") as caught:
            value_of("shop_key", None)
        assert "hush" not in render(caught.value)

    def test_a_file_that_is_not_there(self) -> None:
        with pytest.raises(AppError) as caught:
            value_of("shop_key", Path("gone"))
        assert render(caught.value) == (
            "error: the file can't be read\n  where: gone\n  why:   No such file or directory"
        )


class TestShown:
    WHEN = datetime(2030, 1, 1, 12, tzinfo=UTC)

    def cells(self, row: SecretRow) -> list[str]:
        return [cell.plain if isinstance(cell, Text) else cell for cell in secrets._cells(row)]

    def test_what_there_is(self) -> None:
        missing = SecretRow("key", None, None, (), (), ("stack file",))
        assert self.cells(missing) == ["key", "-", "-", "-", "missing"]
        made = SecretRow("key", "key", self.WHEN, ("shop_web",), (), ("stack file",))
        assert self.cells(made)[1::2] == ["made by up", "shop_web"]
        newer = SecretRow("key", "key.abc", self.WHEN, ("a",), ("b",), ("stack file",))
        assert self.cells(newer)[1::2] == ["abc", "a, b (an earlier one)"]
        assert self.cells(newer)[-1] == "next deploy"

    def test_as_json(self) -> None:
        row = SecretRow("key", "key.abc", self.WHEN, ("a",), (), ())
        assert secrets.as_json(row) == {
            "name": "key",
            "version": "key.abc",
            "set_at": "2030-01-01T12:00:00+00:00",
            "used_by": ("a",),
            "outdated": (),
            "declared": (),
            "state": "in use",
        }

    def test_what_to_do_next(self) -> None:
        done = SecretSet("key", "key.abc", wanted=True, running=False)
        assert secrets._said("shop", done).endswith("beeyard deploy shop brings it to services")
        stray = SecretSet("key", "key.abc", wanted=False, running=False)
        assert secrets._said("shop", stray).endswith("once the stack file names it as external")
        same = SecretSet("key", "key.abc", wanted=True, running=True)
        assert secrets._said("shop", same) == "key has that value already: key.abc"


def test_completion_knows_the_secrets(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, file: WriteFile
) -> None:
    file(APPLICATION)
    monkeypatch.setenv("_BEEYARD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", "beeyard secret set shop ")
    monkeypatch.setenv("COMP_CWORD", "4")
    assert cli().out.split() == ["shop_key", "mail_key"]
