"""`eject` on the command line: what it shows, and what it refuses before anybody is asked."""

from pathlib import Path
from typing import Any

import pytest

from beeyard.cli import eject
from beeyard.workflows.eject import Ejected
from cli.said import Cli, WriteFile

DONE = Ejected("/x/plain", ("efs", "dns"), {"shop": 4}, {"[blog]": "none"}, ("README.md",))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were to be written; nothing is."""
    folders: list[Path] = []

    def instead(_: Any, folder: Path) -> Ejected:
        folders.append(folder)
        return DONE

    monkeypatch.setattr(eject, "run_eject", instead)
    return folders


def test_what_it_shows(cli: Cli, file: WriteFile, asked: list[Path]) -> None:
    file()
    said = cli("eject", "plain")
    assert (said.code, asked) == (0, [Path("plain")])
    assert said.out.splitlines() == [
        "/x/plain: begin with README.md",
        "  terraform  efs, dns",
        "  ansible    deploy.yml",
        "  stacks     shop, release 4",
        "  [blog] skipped: none",
    ]


def test_the_same_as_json(cli: Cli, file: WriteFile, asked: list[Path]) -> None:
    file()
    assert cli("eject", "plain", "--json").data == {
        "folder": "/x/plain",
        "projects": ["efs", "dns"],
        "applications": {"shop": 4},
        "skipped": {"[blog]": "none"},
        "files": ["README.md"],
    }


def test_a_folder_that_is_used_is_refused(cli: Cli, file: WriteFile) -> None:
    file()
    Path("plain").mkdir()
    Path("plain/mine").touch()
    said = cli("eject", "plain", "--json")
    assert (said.code, said.data["error"]) == (11, "Refused")
    assert said.data["fix"] == "name a folder that is not there, or is empty"
    assert [path.name for path in Path("plain").iterdir()] == ["mine"]


def test_it_has_to_be_said_where(cli: Cli, file: WriteFile) -> None:
    file()
    said = cli("eject")
    assert (said.code, said.first_line) == (2, "error: missing argument `DIR`")
