"""The module `secret_files`, run by Ansible on this machine."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bcrypt
import pytest

Tool = Callable[..., subprocess.CompletedProcess[str]]

_FILES = [
    {"name": "password"},
    {"name": "users", "htpasswd": {"user": "admin", "password_file": "password"}},
    {"name": "given", "content": "as it is"},
]


@pytest.fixture
def module(tool: Tool, tmp_path: Path) -> Any:
    """Runs the module on a folder of its own; gives what it returned."""

    def run(files: list[dict[str, Any]], *options: str) -> dict[str, Any]:
        arguments = json.dumps({"directory": str(tmp_path / "secrets"), "files": files})
        python = '{"ansible_python_interpreter": "{{ ansible_playbook_python }}"}'
        ran = tool(
            "ansible", "localhost", "-i", "localhost,", "-c", "local", "-e", python,
            "-m", "secret_files", "-a", arguments, "-o", *options,
        )  # fmt: skip
        answer: dict[str, Any] = json.loads(ran.stdout.split("=>", 1)[1])
        return answer

    return run


def test_a_second_run_changes_nothing(module: Any, tmp_path: Path) -> None:
    first, second = module(_FILES), module(_FILES)
    assert first["changed"] is True
    assert second["changed"] is False
    assert first["digests"] == second["digests"]
    for file in (tmp_path / "secrets").iterdir():
        assert file.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700


def test_the_htpasswd_line_lets_the_password_in_and_follows_it(module: Any, tmp_path: Path) -> None:
    for password in (None, "another"):
        files = [{"name": "password", "content": password}, *_FILES[1:]] if password else _FILES
        module(files)
        now = (tmp_path / "secrets/password").read_bytes()
        user, hashed = (tmp_path / "secrets/users").read_text().strip().split(":")
        assert user == "admin"
        assert bcrypt.checkpw(now, hashed.encode())


def test_check_mode_writes_nothing(module: Any, tmp_path: Path) -> None:
    answer = module(_FILES, "--check")
    assert answer["changed"] is True
    assert answer["digests"]["password"] == ""
    assert not (tmp_path / "secrets").exists()


def test_an_htpasswd_without_its_password_is_refused(module: Any) -> None:
    answer = module([_FILES[1]])
    assert "holds no password" in answer["msg"]


def test_no_secret_is_returned(module: Any, tmp_path: Path) -> None:
    answer = json.dumps(module(_FILES))
    assert (tmp_path / "secrets/password").read_text() not in answer
