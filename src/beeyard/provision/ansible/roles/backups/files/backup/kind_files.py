"""The shared files: a tar of the whole tree, with numeric owners and modes.

EFS has neither ACLs nor extended attributes (Amazon EFS user guide, "Unsupported NFSv4 features"),
and where one can't be set, tar fails: so they are left out.
"""

import hashlib
import os
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from alone import alone
from facts import Tally
from words import Failed, say

#: What every `up` writes anew, to see that the shared files work.
PROBES = ".beeyard-probe-*"
#: What an NFS client makes of a file that somebody on the node holds open when it is removed; it
#: goes once that is closed, and not before (EBUSY). By Linux: fs/nfs/unlink.c.
HELD = ".nfs" + "[0-9a-f]" * 24
#: Data of services that have it open while it would be replaced, and go on writing to what is gone:
#: the controller's, whose audit log must not go back either, and Portainer's.
KEPT = ("infra/ci", "infra/portainer")
_SCRATCH = Path("/var/lib/beeyard/backup-scratch")
_TAR = ["tar", "--numeric-owner"]
_CHUNK = 1024 * 1024
#: Bytes that stay free on the node's disk.
_SPARE = 1024**3


def versions(_: Mapping[str, Any]) -> dict[str, str]:
    done = subprocess.run(["tar", "--version"], capture_output=True, text=True, check=True)
    return {"tar": done.stdout.splitlines()[0]}


def write(out: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
    return _pack(settings["path"], out.write)


def read(stream: IO[bytes], _: Mapping[str, Any]) -> dict[str, Any]:
    return _facts(_Tee(stream, _nothing))


def verify(stream: IO[bytes], settings: Mapping[str, Any]) -> dict[str, Any]:
    with alone("files"), _scratch(settings["plain"]) as folder:
        _unpack(stream, folder, [])
        return _pack(folder, _nothing)


def restore(stream: IO[bytes], settings: Mapping[str, Any]) -> dict[str, Any]:
    path = Path(settings["path"])
    if not os.path.ismount(path):
        raise Failed(f"the shared files are not mounted at {path}")
    kept = [one for one in KEPT if any((path / one).glob("*"))]
    for one in kept:
        say(f"{one} is there, and stays as it is")
    names, inside = _unpack(stream, path, kept)
    removed = _remove_others(path, names, kept)
    say(f"{removed} files and folders that the backup does not have were removed")
    found = _pack(path, _nothing)
    # Not looked at: it goes on being written, and none of it was put back.
    others = {name: fact for name, fact in found.items() if name not in kept}
    return others | {one: inside[one] for one in kept if one in inside}


def _pack(path: str | Path, hand_on: Callable[[bytes], Any]) -> dict[str, Any]:
    """Put the tree into a tar, piece by piece; gives the facts of what is in that."""
    argv = [
        *_TAR,
        "--sort=name",
        f"--exclude=./{PROBES}",
        f"--exclude={HELD}",
        "--create",
        "--directory",
        str(path),
        ".",
    ]
    tar = subprocess.Popen(argv, stdout=subprocess.PIPE)
    assert tar.stdout is not None
    found: dict[str, Any] | None = None
    try:
        found = _facts(_Tee(tar.stdout, hand_on))
    except (tarfile.TarError, EOFError) as error:
        # It is tar that fails here, and no backup that is damaged.
        say(f"what tar gives ends too soon: {error}")
    finally:
        if found is None:
            tar.kill()
        code = tar.wait()
    # 1: a file changed, or went, while it was read; what was read of it is in.
    if found is None or code > 1:
        raise Failed(f"tar could not read {path} (it ended with {code})")
    return found


def _unpack(stream: IO[bytes], path: Path, left_out: list[str]) -> tuple[set[str], dict[str, Any]]:
    """Gives the names that the tar has, and the facts of it."""
    argv = [*_TAR, "--extract", "--preserve-permissions"]
    argv += [f"--exclude=./{one}" for one in left_out]
    tar = subprocess.Popen([*argv, "--directory", str(path)], stdin=subprocess.PIPE)
    assert tar.stdin is not None
    names: set[str] = set()
    inside: dict[str, Any] | None = None
    try:
        inside = _facts(_Tee(stream, tar.stdin.write), names.add)
    except BrokenPipeError:
        say("tar reads no more")
    finally:
        with suppress(BrokenPipeError):
            tar.stdin.close()
        code = tar.wait()
    if inside is None:
        raise Failed(f"tar could not unpack all of it into {path} (it ended with {code})")
    if code:
        # Such as an owner that a file system does not take. The comparison afterwards decides.
        say(f"tar could not do all of it (it ended with {code})")
    return names, inside


def _remove_others(path: Path, names: set[str], kept: list[str]) -> int:
    """Remove what is not in `names`; gives how many. What can't be removed, as others on the node
    work with it, is said, and left to the comparison afterwards."""
    removed = 0
    for folder, folders, files in os.walk(path, topdown=False):
        for name in (*files, *folders):
            inner = (Path(folder) / name).relative_to(path)
            if str(inner) not in names and not _is_spared(inner, kept):
                removed += _is_removed(path, inner)
    return removed


def _is_removed(path: Path, inner: Path) -> bool:
    one = path / inner
    try:
        if one.is_dir() and not one.is_symlink():
            one.rmdir()
        else:
            one.unlink()
    except FileNotFoundError:
        return False  # somebody else was faster
    except OSError as error:
        say(f"{inner} could not be removed: {error.strerror}")
        return False
    return True


def _is_spared(inner: Path, kept: list[str]) -> bool:
    near = any(inner.is_relative_to(one) or Path(one).is_relative_to(inner) for one in kept)
    return near or inner.match(PROBES) or inner.match(HELD)


@contextmanager
def _scratch(needed: int) -> Iterator[Path]:
    """A folder on the node's own disk, with room for so many bytes."""
    _SCRATCH.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(_SCRATCH, ignore_errors=True)
    free = shutil.disk_usage(_SCRATCH.parent).free
    if free < needed + _SPARE:
        raise Failed(
            f"the node's disk has {free // 1024**2} MiB free, and the files take "
            f"{needed // 1024**2} MiB, with {_SPARE // 1024**2} MiB to spare: make room, or a "
            "larger `image.root_volume_gib`"
        )
    _SCRATCH.mkdir(mode=0o700)
    try:
        yield _SCRATCH
    finally:
        shutil.rmtree(_SCRATCH)


def _facts(tee: "_Tee", see: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Of all entries of the tar that passes by: path, kind, mode, owner, size, target, content."""
    tally = Tally()
    with tarfile.open(fileobj=tee, mode="r|") as archive:  # type: ignore[call-overload]
        while (member := archive.next()) is not None:
            # It remembers them all.
            archive.members = []
            name = os.path.normpath(member.name)
            if see:
                see(name)
            if name != ".":
                tally.add(_group(name, member.isdir()), _entry(archive, member, name))
    tee.drain()
    return tally.facts()


def _entry(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    digest = hashlib.sha256()
    content = archive.extractfile(member) if member.isreg() else None
    while content and (chunk := content.read(_CHUNK)):
        digest.update(chunk)
    fields = (
        *(name, member.type.decode(), oct(member.mode), member.uid, member.gid, member.size),
        *(member.linkname, digest.hexdigest()),
    )
    return "\0".join(map(str, fields)).encode(errors="surrogateescape")


def _group(name: str, is_folder: bool) -> str:
    """The folder that an entry is counted with: each below `apps` and `infra`; else the first."""
    folders = name.split("/") if is_folder else name.split("/")[:-1]
    depth = 2 if folders[:1] in (["apps"], ["infra"]) else 1
    return "/".join(folders[:depth]) or "."


def _nothing(_: bytes) -> None:
    """For what is only looked at."""


class _Tee:
    """Reads from a stream, and hands on what was read."""

    def __init__(self, source: IO[bytes], hand_on: Callable[[bytes], Any]) -> None:
        self._source, self._hand_on = source, hand_on

    def read(self, size: int) -> bytes:
        data = self._source.read(size)
        if data:
            self._hand_on(data)
        return data

    def drain(self) -> None:
        """What is behind the end of the archive."""
        while self.read(_CHUNK):
            pass
