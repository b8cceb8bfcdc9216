"""A folder as a tar archive that comes in pieces: it is never whole in memory or on disk."""

import os
import stat
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from beeyard.errors import PipelineError

_PIECE = 256 * 1024
_BLOCK = tarfile.BLOCKSIZE


class SourceError(PipelineError):
    """The files that a pipeline is about can't be had."""


def tar_of(root: Path, names: Iterable[str]) -> Iterator[bytes]:
    """The archive of files below `root`, named relative to it, as root's own.

    Symbolic links are kept, not followed. Folders come with the files in them, and need not be
    named. What is neither file, folder nor link is left out, and so is what is gone by now.
    Raises SourceError for what can't be read.
    """
    known: set[str] = set()
    for name in names:
        for folder in _folders(name):
            if folder not in known:
                known.add(folder)
                yield from _entry(root, folder)
        if name not in known:
            known.add(name)
            yield from _entry(root, name)
    yield bytes(2 * _BLOCK)


def all_below(root: Path, start: str = "") -> Iterator[str]:
    """All files, links and folders below a folder, named relative to `root`.

    Raises SourceError for a folder that can't be read.
    """
    try:
        with os.scandir(root / start) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise _unreadable(error) from error
    for entry in entries:
        name = f"{start}/{entry.name}" if start else entry.name
        yield name
        if entry.is_dir(follow_symlinks=False):
            yield from all_below(root, name)


def _folders(name: str) -> list[str]:
    """The folders above a file, outermost first."""
    parts = name.split("/")[:-1]
    return ["/".join(parts[: index + 1]) for index in range(len(parts))]


def _entry(root: Path, name: str) -> Iterator[bytes]:
    path = root / name
    try:
        seen = path.lstat()
        link = str(path.readlink()) if stat.S_ISLNK(seen.st_mode) else ""
    except FileNotFoundError:
        return
    except OSError as error:
        raise _unreadable(error) from error
    header = _header(name, seen, link)
    if header is None:
        return
    yield header.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")
    if header.isreg():
        yield from _content(path, header.size)


def _header(name: str, seen: os.stat_result, link: str) -> tarfile.TarInfo | None:
    header = tarfile.TarInfo(name)
    header.mode = stat.S_IMODE(seen.st_mode)
    header.mtime = int(seen.st_mtime)
    if stat.S_ISREG(seen.st_mode):
        header.size = seen.st_size
    elif stat.S_ISDIR(seen.st_mode):
        header.type = tarfile.DIRTYPE
    elif link:
        header.type, header.linkname = tarfile.SYMTYPE, link
    else:
        return None
    return header


def _content(path: Path, size: int) -> Iterator[bytes]:
    """What the header promised, whatever becomes of the file meanwhile."""
    left = size
    try:
        with path.open("rb") as file:
            while left and (piece := file.read(min(_PIECE, left))):
                left -= len(piece)
                yield piece
    except OSError as error:
        raise _unreadable(error) from error
    while left:
        piece = bytes(min(_PIECE, left))
        left -= len(piece)
        yield piece
    yield bytes(-size % _BLOCK)


def _unreadable(error: OSError) -> SourceError:
    return SourceError(
        "the files for the pipeline can't be read",
        where=str(error.filename) if error.filename else None,
        why=error.strerror or str(error),
    )
