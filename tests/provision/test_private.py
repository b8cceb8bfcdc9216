"""Files and folders that are the user's alone."""

import os
from concurrent.futures import ThreadPoolExecutor
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


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    write_private(tmp_path / "link", b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_whoever_reads_it_meanwhile_has_the_old_or_the_new(tmp_path: Path) -> None:
    path, contents = tmp_path / "ssh_config", {size * b"x" for size in (10_000, 2_000_000)}
    write_private(path, min(contents))
    seen: set[bytes] = set()

    def write() -> None:
        for content in 50 * [*contents]:
            write_private(path, content)

    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(write)
        while not written.done():
            seen.add(path.read_bytes())
        written.result()
    assert seen
    assert seen <= contents
    assert [file.name for file in tmp_path.iterdir()] == ["ssh_config"]


def test_what_can_t_be_put_there_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken" / "by").mkdir(parents=True)
    with pytest.raises(IsADirectoryError):
        write_private(tmp_path / "taken", b"x")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]


def test_a_folder(tmp_path: Path) -> None:
    assert private_folder(tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert mode(tmp_path / "a" / "b") == 0o700


def test_a_folder_that_was_open_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o777)
    assert mode(private_folder(tmp_path / "open")) == 0o700
