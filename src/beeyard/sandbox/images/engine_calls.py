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
    try:
        for event in stream:
            for text in str(event.get("stream") or event.get("status") or "").splitlines():
                if text.strip():
                    said.append(text.rstrip())
                    line(text.rstrip())
            if "error" in event:
                raise _failed(what, [*said, str(event["error"])])
    except APIError as error:
        raise _failed(what, [*said, str(error.explanation or error)]) from error


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


def chunks_of(stream: Iterable[Any], standard_error: Line) -> Iterator[bytes]:
    """Standard output of an attached container; lines of its standard error are told."""
    for out, err in stream:
        if err:
            for text in err.decode(errors="replace").splitlines():
                standard_error(text)
        if out:
            yield out


def _failed(what: str, said: list[str]) -> SandboxError:
    return SandboxError(
        what,
        why="\n".join(said[-_KEPT_LINES:]),
        fix="mend what its last lines say, then run this again: what was built so far is kept",
    )
