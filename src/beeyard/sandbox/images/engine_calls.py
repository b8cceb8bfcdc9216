"""Calls on the Docker engine that making images needs, each with its errors in words."""

import io
import tarfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, cast

from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound

from beeyard.errors import SandboxError

Line = Callable[[str], None]
_KEPT_LINES = 20
_PIECE = 1 << 20


def has(client: DockerClient, reference: str) -> bool:
    """Whether the engine holds that image."""
    try:
        client.images.get(reference)
    except ImageNotFound:
        return False
    return True


def build(
    client: DockerClient,
    reference: str,
    context: Mapping[str, tuple[int, bytes]],
    arguments: Mapping[str, str],
    labels: Mapping[str, str],
    line: Line,
) -> None:
    """Build a context (path to mode and contents). Raises SandboxError with its last lines."""
    stream = cast(Any, client.api).build(
        fileobj=io.BytesIO(tar(context)),
        custom_context=True,
        tag=reference,
        buildargs=dict(arguments),
        labels=dict(labels),
        rm=True,
        forcerm=True,
        decode=True,
    )
    follow(stream, f"the image {reference} could not be built", line)


def follow(stream: Iterable[Mapping[str, Any]], what: str, line: Line) -> None:
    """Read an engine's stream of events to its end. Raises SandboxError if it tells of an error."""
    said: list[str] = []
    failed = False
    try:
        # To its end also after an error: a stream that is left half read holds its connection.
        for event in stream:
            for text in str(event.get("stream") or event.get("status") or "").splitlines():
                if text.strip():
                    said.append(text.rstrip())
                    line(text.rstrip())
            if "error" in event:
                said.append(str(event["error"]))
                failed = True
    except APIError as error:
        raise _failed(what, [*said, str(error.explanation or error)]) from error
    if failed:
        raise _failed(what, said)


def tar(files: Mapping[str, tuple[int, bytes]]) -> bytes:
    """Files (path to mode and contents) as a tar that is the same for the same files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for path, (mode, contents) in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(contents), mode
            archive.addfile(entry, io.BytesIO(contents))
    return data.getvalue()


def read_file(client: DockerClient, reference: str, path: str) -> str:
    """A file out of an image; empty where the image has none."""
    container = client.containers.create(reference, ["true"])
    try:
        chunks, _ = container.get_archive(path)
    except NotFound:
        return ""
    else:
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
            file = archive.extractfile(archive.next() or "")
            return file.read().decode() if file else ""
    finally:
        container.remove(force=True)


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """What a container writes, line by line."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


def only_file(archive: Iterable[bytes]) -> Iterator[bytes]:
    """The contents of the one file of a tar that comes in pieces, in pieces."""
    with tarfile.open(fileobj=_Pieces(archive), mode="r|") as outer:
        file = outer.extractfile(outer.next() or "")
        while file and (piece := file.read(_PIECE)):
            yield piece


class _Pieces(io.RawIOBase):
    """Pieces of bytes, as a file that is read once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, size: int = -1) -> bytes:
        while len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        given, self._rest = self._rest[:size], self._rest[size:]
        return given


def _failed(what: str, said: list[str]) -> SandboxError:
    return SandboxError(
        what,
        why="\n".join(said[-_KEPT_LINES:]),
        fix="mend what its last lines say, then run this again: what was built so far is kept",
    )
