"""`deploy`, `rollback`, `releases` and `diff` on the command line."""

import pytest

from cli.said import MINIMAL, Cli, WriteFile

APPLICATION = MINIMAL + "applications:\n  shop: {path: shop}\n  wiki: {path: wiki}\n"
EXAMPLES = {
    "deploy": [
        "beeyard deploy timeoff",
        "beeyard deploy timeoff --image registry.example.com/timeoff:1.4.2",
        "beeyard deploy timeoff --max-failed 0",
        "beeyard deploy timeoff --canary 10% --watch 300",
        "beeyard deploy timeoff --plan",
    ],
    "rollback": ["beeyard rollback timeoff", "beeyard rollback timeoff 12"],
    "releases": [
        "beeyard releases timeoff",
        "beeyard releases timeoff --json | jq '.[-1].verdict'",
    ],
    "diff": ["beeyard diff timeoff", "beeyard diff timeoff 11 12"],
}


@pytest.mark.parametrize("command", EXAMPLES)
def test_the_help(cli: Cli, command: str) -> None:
    said = cli(command, "--help")
    assert (said.code, said.err) == (0, "")
    lines = [line.strip() for line in said.out.splitlines()]
    assert [example for example in EXAMPLES[command] if example not in lines] == []
    assert max(len(line) for line in said.out.splitlines()) <= 80
    assert f"│ {command} " in cli("--help").out


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("deploy", ["--image", "--builder", "--max-failed", "--canary", "--watch", "--plan"]),
        ("rollback", ["[N]", "--max-failed"]),
        ("diff", ["[N]", "[M]"]),
    ],
)
def test_every_option_is_shown(cli: Cli, command: str, options: list[str]) -> None:
    said = cli(command, "--help").out
    assert [option for option in options if option not in said] == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["deploy", "shup"],
        ["deploy", "shup", "--plan"],
        ["rollback", "shup"],
        ["rollback", "shup", "3"],
        ["releases", "shup"],
        ["diff", "shup", "1", "2"],
    ],
    ids=" ".join,
)
def test_an_application_that_the_file_does_not_name(
    cli: Cli, file: WriteFile, arguments: list[str]
) -> None:
    file(APPLICATION)
    said = cli(*arguments)
    assert (said.code, said.out) == (3, "")
    assert said.error == (
        "error: there is no application shup\n"
        "  why:   beeyard.yml names shop, wiki\n"
        "  do:    name one of those, or add it below `applications`\n"
    )
    assert cli(*arguments, "--json").data["what"] == "there is no application shup"


def test_a_file_without_applications(cli: Cli, file: WriteFile) -> None:
    file(MINIMAL)
    assert "why:   beeyard.yml names none\n" in cli("deploy", "shop").error


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["deploy"], "missing argument `APP`"),
        (["rollback"], "missing argument `APP`"),
        (["deploy", "shop", "wiki"], "got unexpected extra argument(s) (wiki)"),
        (
            ["deploy", "shop", "--builder", "elsewhere"],
            "invalid value for `--builder`: `elsewhere` is not one of `manager`, `local`",
        ),
        (
            ["deploy", "shop", "--max-failed", "-1"],
            "invalid value for `--max-failed`: Input should be greater than or equal to 0",
        ),
        (
            ["deploy", "shop", "--watch", "0"],
            "invalid value for `--watch`: Input should be greater than or equal to 1",
        ),
        (
            ["rollback", "shop", "last"],
            (
                "invalid value for `[N]`: Input should be a valid integer, unable to parse string "
                "as an integer"
            ),
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_line_with_a_mistake(
    cli: Cli, file: WriteFile, arguments: list[str], what: str
) -> None:
    file(APPLICATION)
    said = cli(*arguments)
    assert (said.code, said.out, said.first_line) == (2, "", f"error: {what}")
