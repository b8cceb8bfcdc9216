"""A build context: what is sent to the engine, and the hash that says whether it changed."""

import hashlib
import io
import stat
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

from docker.utils.build import create_archive, exclude_paths

from beeyard.apps.stack import Build
from beeyard.errors import AppError

_HASH_LENGTH = 16


class BuildContext(Protocol):
    """What an engine is sent to build from. `name` and `place` say what it is, and from where."""

    @property
    def build(self) -> Build: ...

    @property
    def name(self) -> str: ...

    @property
    def place(self) -> str: ...

    def digest(self) -> str:
        """A short hash of all that decides what is built."""
        ...

    def archive(self) -> IO[bytes]:
        """The files as a tar, which the caller closes."""
        ...


@dataclass(frozen=True)
class Context:
    """A folder with a Dockerfile, and how to build it."""

    folder: Path
    build: Build

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def place(self) -> str:
        return str(self.folder)

    @classmethod
    def of(cls, stack_folder: Path, build: Build) -> "Context":
        """The context that a stack file names. Raises AppError where there is no Dockerfile."""
        folder = (stack_folder / build.context).resolve()
        if not (folder / build.dockerfile).is_file():
            raise AppError(
                "there is nothing to build",
                where=str(folder / build.dockerfile),
                why="no such file",
                fix="`build:` in the stack file must name the folder with the Dockerfile",
            )
        return cls(folder, build)

    def paths(self) -> list[str]:
        """What belongs to it, relative and sorted, `.dockerignore` honoured."""
        ignore = self.folder / ".dockerignore"
        patterns = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
        kept = [line.strip() for line in patterns if line.strip() and not line.startswith("#")]
        return sorted(exclude_paths(str(self.folder), kept, dockerfile=self.build.dockerfile))

    def digest(self) -> str:
        """A short hash of all that decides what is built, save what the Dockerfile downloads.

        Times and owners are left out, so that a fresh clone gives the same.
        """
        return _digest(self.build, ((path, _identity(self.folder / path)) for path in self.paths()))

    def archive(self) -> IO[bytes]:
        """The context as a tar, in a temporary file that the caller closes."""
        archive: Any = create_archive(root=str(self.folder), files=self.paths())
        return archive  # type: ignore[no-any-return]


@dataclass(frozen=True)
class FilesContext:
    """A context that is in no folder: files by path, each with its mode and contents."""

    name: str
    place: str
    files: Mapping[str, tuple[int, bytes]]
    build: Build

    def digest(self) -> str:
        """As that of a folder."""
        kinds = {True: b"program", False: b"file"}
        parts = (
            (path, (kinds[bool(mode & stat.S_IXUSR)], contents))
            for path, (mode, contents) in sorted(self.files.items())
        )
        return _digest(self.build, parts)

    def archive(self) -> IO[bytes]:
        """The files as a tar that is the same for the same files: sorted, of no time, nobody's."""
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w") as archive:
            for path, (mode, contents) in sorted(self.files.items()):
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode = len(contents), mode
                archive.addfile(entry, io.BytesIO(contents))
        data.seek(0)
        return data


def _digest(build: Build, files: Iterable[tuple[str, Iterable[bytes]]]) -> str:
    total = hashlib.sha256()
    total.update(repr((build.dockerfile, build.args, build.target)).encode())
    for path, identity in files:
        for part in identity:
            total.update(len(part).to_bytes(8, "big") + part)
        total.update(path.encode() + b"\0")
    return total.hexdigest()[:_HASH_LENGTH]


def _identity(path: Path) -> Iterable[bytes]:
    """Kind, whether it may be executed, and contents."""
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return (b"link", str(path.readlink()).encode())
    if stat.S_ISDIR(status.st_mode):
        return (b"folder",)
    return (b"program" if status.st_mode & stat.S_IXUSR else b"file", path.read_bytes())
