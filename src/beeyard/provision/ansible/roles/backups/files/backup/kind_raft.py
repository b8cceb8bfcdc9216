"""The Swarm's own state, of one of its managers: what Raft holds, and the secrets' files beside it.

What is copied is proved before it goes anywhere: a Swarm is made of it aside, and compared.
"""

import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from raft_aside import seen_aside
from raft_copy import ABOUT, KEPT, kept, take
from raft_engine import Engine
from raft_restore import restore as put_back
from raft_seen import Facts, Seen, differences, facts, seen
from words import Failed, say

#: On the disk that the engine's own folders are likely on: a copy may take some hundred megabytes.
_PLACE = Path("/var/lib/beeyard")
_STREAM = 1 << 20
_LAST: dict[str, str] = {}


def versions(_: Mapping[str, Any]) -> dict[str, str]:
    """What made the copy that was written last, how long its engine stood still, and its proof."""
    return dict(_LAST)


def write(out: Any, _: Mapping[str, Any]) -> Facts:
    """Copy the Swarm's state, prove the copy by a Swarm made of it aside, and write it as a tar.

    The engine stands still for the copy, not for the proof. Raises Failed.
    """
    with _scratch() as folder:
        copy = folder / "copy"
        copy.mkdir()
        about = take(Engine(), copy)
        began = time.monotonic()
        archive = folder / "raft.tar"
        _run("tar", "--create", "--sparse", f"--file={archive}", f"--directory={copy}", ".")
        shutil.rmtree(copy)
        with archive.open("rb") as stream:
            found = _aside(stream, folder)
        if lines := list(differences(about["seen"], found)):
            raise Failed("the copy is not what was copied:\n" + "\n".join(lines))
        proved = time.monotonic() - began
        say(f"the engine stood still for {about['frozen']:.3f} s; proved in {proved:.1f} s")
        _LAST.update(
            {
                "engine": about["engine"],
                "managers": str(about["managers"]),
                "stood still (s)": f"{about['frozen']:.3f}",
                "proved in (s)": f"{proved:.1f}",
            }
        )
        with archive.open("rb") as stream:
            shutil.copyfileobj(stream, out, _STREAM)
    return {**facts(about["seen"]), **about["kept"]}


def read(stream: IO[bytes], _: Mapping[str, Any]) -> Facts:
    """What is said of the copy, if it comes out whole."""
    with _scratch() as folder:
        _unpack(stream, folder)
        about = _about(folder)
        return {**facts(about["seen"]), **_kept(about, folder / "beeyard")}


def verify(stream: IO[bytes], _: Mapping[str, Any]) -> Facts:
    """What a Swarm made of the copy aside is."""
    with _scratch() as folder:
        found, copy = facts(_aside(stream, folder)), folder / "unpacked"
        return {**found, **_kept(_about(copy), copy / "beeyard")}


def restore(stream: IO[bytes], settings: Mapping[str, Any]) -> Facts:
    """Make this node the manager that the copy is of; what its Swarm is then. The setting `backup`
    is the copy's name."""
    with _scratch() as folder:
        _unpack(stream, folder)
        put_back(Engine(), folder, say, settings.get("backup", ""))
        return {**facts(seen(Engine())), **_kept(_about(folder), KEPT)}


def _about(copy: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((copy / ABOUT).read_text())
    return found


def _kept(about: Mapping[str, Any], folder: Path) -> Facts:
    """What is in the folder, if the copy says what was; older ones don't."""
    return kept(folder) if "kept" in about else {}


def _aside(stream: IO[bytes], folder: Path) -> Seen:
    copy = folder / "unpacked"
    copy.mkdir()
    _unpack(stream, copy)
    return seen_aside(copy / "swarm", _about(copy), folder / "aside")


def _unpack(stream: IO[bytes], folder: Path) -> None:
    """Unpack all of the stream, which need not be a file."""
    argv = ["tar", "--extract", "--same-owner", "--same-permissions", f"--directory={folder}"]
    tar = subprocess.Popen(argv, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    if tar.stdin is None or tar.stderr is None:
        raise Failed("tar was started without its streams")
    try:
        shutil.copyfileobj(stream, tar.stdin, _STREAM)
        tar.stdin.close()
    except BrokenPipeError:
        pass  # it says why
    said = tar.stderr.read().decode(errors="replace")
    if tar.wait():
        raise Failed(f"the copy can't be unpacked: {said.strip()}")


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"`{argv[0]}` failed: {done.stderr.strip()}")


@contextmanager
def _scratch() -> Iterator[Path]:
    """A folder for root alone, gone at the end; and those that runs left which were killed."""
    _PLACE.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        with _locked(_PLACE, fcntl.LOCK_EX):
            for left in _PLACE.glob("raft-*"):
                _remove_if_left(left)
            place = stack.enter_context(tempfile.TemporaryDirectory(prefix="raft-", dir=_PLACE))
            # As long as we live: who is killed has none.
            stack.enter_context(_locked(Path(place)))
        yield Path(place)


def _remove_if_left(folder: Path) -> None:
    try:
        with _locked(folder):
            shutil.rmtree(folder)
    except BlockingIOError:
        pass  # whoever made it is at work


@contextmanager
def _locked(folder: Path, how: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> Iterator[None]:
    """Raises BlockingIOError where somebody else has it, unless `how` is to wait."""
    found = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(found, how)
        yield
    finally:
        os.close(found)
