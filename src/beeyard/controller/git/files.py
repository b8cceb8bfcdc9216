"""Files out of a repository: one of them, or all that a commit has."""

import asyncio
import os
import tarfile
from pathlib import Path, PurePosixPath
from typing import IO, Any

from beeyard.controller.git.environment import git
from beeyard.controller.git.errors import GitError
from beeyard.controller.git.names import file_path, object_name
from beeyard.controller.git.repositories import Repository
from beeyard.controller.git.run import ask, failed
from beeyard.process_stream import streaming


async def file_at(repository: Repository, commit: str, path: str, limit: int) -> bytes | None:
    """What a file has at a commit, `limit` bytes at most; None if it isn't there.

    Raises GitError if it is larger, if it is no file, and if there is no such commit.
    """
    listed = await ask(
        repository, "ls-tree", "-l", "-z", "--end-of-options", object_name(commit), file_path(path)
    )
    if not listed.output:
        return None
    mode, kind, name, size = listed.output.partition(b"\t")[0].decode().split()
    if kind != "blob" or mode == "120000":
        raise GitError(f"{path} is no file", where=f"{repository.application} at {commit[:12]}")
    if int(size) > limit:
        raise GitError(
            f"{path} has {size} bytes, and {limit} is the most",
            where=f"{repository.application} at {commit[:12]}",
        )
    return (await ask(repository, "cat-file", "blob", name, limit=limit)).output


async def archive(repository: Repository, commit: str, into: Path, limit: int = 2 << 30) -> None:
    """Write the files of a commit into an empty folder, `limit` bytes at most.

    A link that leads out of the folder, or an absolute one, is refused with all that it is among,
    and no file is written through a link. Raises GitError; the folder then has some of the files.
    """
    reading, writing = os.pipe()
    arguments = ("archive", "--format=tar", "--end-of-options", object_name(commit))
    unpacking: asyncio.Task[None] | None = None
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb") as sink:
        try:
            command = git(repository.path, *arguments)
            async with streaming(command, inherit=False, output=sink.fileno()) as process:
                sink.close()
                process.close_input()
                unpacking = asyncio.create_task(asyncio.to_thread(_unpack, source, into, limit))
                await asyncio.wait([unpacking])
                # One that was cut off because nobody read on ends by a signal.
                if await process.end() > 0:
                    raise failed(repository, "archive", process.said)
        finally:
            # The process is gone, so the thread reads the end of its stream.
            if unpacking is not None:
                await asyncio.wait([unpacking])
                # Looked at, also where another error is the one that is raised.
                unpacking.exception()
        unpacking.result()


def _unpack(source: IO[bytes], into: Path, limit: int) -> None:
    """Unpack a tar stream to its end, and close it. Raises GitError."""
    with source:
        counted: Any = _Counted(source, limit)
        try:
            with tarfile.open(fileobj=counted, mode="r|") as tar:
                # Source: Python's tarfile documentation, "Extraction filters". Debian 12's Python
                # has none yet, so what matters is looked at here as well.
                tar.extraction_filter = getattr(tarfile, "data_filter", None)
                for member in tar:
                    _allow(member, into)
                    tar.extract(member, into)
        except tarfile.ReadError as error:
            raise GitError("the files of the commit can't be read", why=str(error)) from error
        except tarfile.TarError as error:
            # A filter's, where there are filters.
            raise GitError(
                "a file of the commit may not be written", why=str(error), fix="use relative links"
            ) from error
        except OSError as error:
            raise GitError("the files of the commit can't be written", why=str(error)) from error
        # What is left of a stream that tar has read to its end is padding.
        while source.read(65536):
            pass


def _allow(member: tarfile.TarInfo, into: Path) -> None:
    """Raise GitError for what leads out of the folder, is written through a link, or is neither
    file, folder nor link."""
    name = PurePosixPath(member.name)
    target = os.path.normpath(name.parent / member.linkname) if member.issym() else ""
    out = target.startswith(("/", "..")) or member.linkname.startswith("/")
    through = (into / name).parent.resolve() != (into.resolve() / name).parent
    plain = member.isreg() or member.isdir() or member.issym()
    if name.is_absolute() or ".." in name.parts or out or through or not plain:
        raise GitError(
            "a file of the commit may not be written",
            why=f"{member.name} leads out of the folder, or is of a kind that no checkout has",
            fix="use relative links",
        )


class _Counted:
    """A stream that raises GitError when more than `limit` bytes are read of it."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        self._stream = stream
        self._left = limit
        self._limit = limit

    def read(self, size: int) -> bytes:
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise GitError(f"the files of the commit have more than {self._limit} bytes")
        return data
