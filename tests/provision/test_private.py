"""Files and folders that are the user's alone."""

import os
from pathlib import Path

import pytest

from beeyard.private import private_folder, write_private


@pytest.fixture(autouse=True)
def _everything_is_open_by_default() -> object:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_file_and_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret"
    write_private(path, b"x")
    assert (path.read_bytes(), mode(path), mode(path.parent)) == (b"x", 0o600, 0o700)


def test_a_file_that_was_open_is_closed_and_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"something longer")
    path.chmod(0o666)
    write_private(path, b"x")
    assert (path.read_bytes(), mode(path)) == (b"x", 0o600)


def test_a_folder(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert mode(tmp_path / "a" / "b") == 0o700


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    assert mode(private_folder(tmp_path / "open")) == 0o700
