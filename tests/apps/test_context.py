"""A build context's hash: the same for the same contents, another for any that count."""

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.apps import Context
from beeyard.apps.stack import Build
from beeyard.errors import AppError


def made(folder: Path, build: Build | None = None) -> Context:
    folder.mkdir()
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / ".dockerignore").write_text("# not sent\n*.log\nsecret\n!keep.log\n")
    (folder / "app").mkdir()
    (folder / "app" / "main.py").write_text("print()\n")
    (folder / "app" / "run").symlink_to("main.py")
    (folder / "keep.log").write_text("kept\n")
    (folder / "drop.log").write_text("dropped\n")
    (folder / "secret").mkdir()
    (folder / "secret" / "key").write_text("k\n")
    return Context.of(folder, build or Build(Path()))


def test_what_is_ignored_is_not_sent(tmp_path: Path) -> None:
    context = made(tmp_path / "a")
    sent = [
        ".dockerignore",
        "Dockerfile",
        "app",
        "app/main.py",
        "app/run",
        "keep.log",
    ]
    assert context.paths() == sent
    with context.archive() as archive, tarfile.open(fileobj=io.BytesIO(archive.read())) as tar:
        assert sorted(tar.getnames()) == sent


def test_a_fresh_clone_has_the_same_hash(tmp_path: Path) -> None:
    one, other = made(tmp_path / "a"), made(tmp_path / "b")
    os.utime(tmp_path / "b" / "Dockerfile", (1, 1))
    (tmp_path / "b" / "drop.log").write_text("something else\n")
    assert one.digest() == other.digest()
    assert one.digest() == one.digest()


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: (folder / "app" / "main.py").write_text("print(1)\n"),
        lambda folder: (folder / "app" / "main.py").chmod(0o755),
        lambda folder: (folder / "app" / "main.py").rename(folder / "app" / "other.py"),
        lambda folder: (folder / "new").mkdir(),
        lambda folder: ((folder / "app/run").unlink(), (folder / "app/run").symlink_to("x")),
    ],
    ids=["contents", "mode", "name", "folder", "link"],
)
def test_a_change_that_counts_changes_it(tmp_path: Path, change: Callable[[Path], object]) -> None:
    context = made(tmp_path / "a")
    before = context.digest()
    change(tmp_path / "a")
    assert context.digest() != before


def test_how_it_is_built_counts(tmp_path: Path) -> None:
    plain = made(tmp_path / "a").digest()
    assert made(tmp_path / "b", Build(Path(), args=(("A", "1"),))).digest() != plain
    assert made(tmp_path / "c", Build(Path(), target="final")).digest() != plain


def test_a_folder_without_dockerfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AppError, match="nothing to build") as caught:
        Context.of(tmp_path, Build(Path("web")))
    assert caught.value.where == str(tmp_path / "web" / "Dockerfile")
