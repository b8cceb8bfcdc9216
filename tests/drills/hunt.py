"""Looks for secrets where none may be. Needs nothing but Python: it is sent to nodes as it is.

    python3 - < hunt.py      with SECRETS, a JSON object of values by name, put before it

What it finds it calls by name; a value is never repeated.
"""

import base64
import gzip
import io
import json
import os
import subprocess
import sys
import urllib.parse
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

#: Bytes that are looked at at once, of what is long.
_CHUNK = 1 << 22
#: Less would be found by chance.
_SHORTEST = 8
#: Seconds for one command on a node.
_PATIENCE = 120


class Hunt:
    """Knows secrets by name, in every way of writing that is looked for: as they are, in URLs, in
    JSON, and in base64, also in the middle of something longer."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        short = [name for name, value in secrets.items() if len(value) < _SHORTEST]
        if short:
            raise ValueError(f"too short to be told from chance: {', '.join(short)}")
        self._forms = {name: set(_forms(value)) for name, value in secrets.items()}
        self._longest = max(len(form) for forms in self._forms.values() for form in forms)

    def names(self, data: bytes) -> set[str]:
        """Those that are in `data`."""
        return {name for name, forms in self._forms.items() if any(form in data for form in forms)}

    def names_in(self, stream: Iterable[bytes]) -> set[str]:
        """Those that are in what comes in pieces."""
        found: set[str] = set()
        rest = b""
        for piece in stream:
            found |= self.names(rest + piece)
            rest = (rest + piece)[-self._longest :]
        return found

    def names_in_file(self, path: Path) -> set[str]:
        """Those that are in a file, in what is packed in it, and in its name."""
        return self.names(str(path).encode()) | self.names_in_content(path.read_bytes())

    def names_in_content(self, data: bytes) -> set[str]:
        """Those that are in a file's content, and in what is packed in it."""
        return self.names(data).union(*map(self.names, _unpacked(data)))


def _forms(value: str) -> Iterator[bytes]:
    raw = value.encode()
    yield raw
    yield urllib.parse.quote(value, safe="").encode()
    yield json.dumps(value)[1:-1].encode()
    for before in range(3):
        # Which letters stand for it alone depends on where it begins, in groups of three bytes.
        encoded = base64.b64encode(bytes(before) + raw)
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        yield encoded[first:last]
        yield encoded[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def _unpacked(data: bytes) -> Iterator[bytes]:
    """The content of a packed file: plans of Terraform are ZIP files. What is not whole, as it was
    read while it was written, is not unpacked."""
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield from (archive.read(name) for name in archive.namelist())
    elif data.startswith(b"\x1f\x8b"):
        yield gzip.decompress(data)


def processes() -> Iterator[tuple[str, str, bytes]]:
    """Each process's arguments and environment: which of the two, the program, and the text."""
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            arguments = (folder / "cmdline").read_bytes()
            program = arguments.split(b"\0")[0].rpartition(b"/")[2].decode(errors="replace")
            yield "arguments", program, arguments
            yield "environment", program, (folder / "environ").read_bytes()
        except OSError:
            continue  # it has ended


def on_this_node(hunt: Hunt) -> Iterator[tuple[str, set[str]]]:
    """Each place on a node, and which secrets are in it."""
    yield "journal", hunt.names_in(_said("journalctl", "--no-pager", "--all", "--output=json"))
    for path in Path("/var/log").rglob("*"):
        if path.is_file() and "journal" not in path.parts:
            yield f"log {path}", hunt.names_in_file(path)
    for kind, program, text in processes():
        yield f"{kind} of {program}", hunt.names(text)
    yield from in_its_engine(hunt)
    if _lines("docker", "info", "--format", "{{.Swarm.ControlAvailable}}") == ["true"]:
        yield from _on_a_manager(hunt)


def in_its_engine(hunt: Hunt) -> Iterator[tuple[str, set[str]]]:
    """Containers, their logs, and images."""
    for container in _lines("docker", "ps", "--all", "--quiet"):
        yield f"container {container}", hunt.names_in(_said("docker", "inspect", container))
        yield f"container log {container}", hunt.names_in(_said("docker", "logs", container))
    for image in set(_lines("docker", "image", "ls", "--quiet")):
        told = _said("docker", "image", "history", "--no-trunc", image)
        yield f"image history {image}", hunt.names_in(told)
        yield f"image definition {image}", hunt.names_in(_said("docker", "inspect", image))
    for image in _lines("docker", "image", "ls", "--format", "{{.Repository}}@{{.ID}}"):
        name, _, identity = image.partition("@")
        if name.startswith("registry."):
            yield f"image layers {name}", hunt.names_in(_said("docker", "image", "save", identity))


def _on_a_manager(hunt: Hunt) -> Iterator[tuple[str, set[str]]]:
    for kind in ("service", "config", "secret", "network", "node"):
        for one in _lines("docker", kind, "ls", "--quiet"):
            yield f"{kind} definition {one}", hunt.names_in(_said("docker", kind, "inspect", one))
    for service in _lines("docker", "service", "ls", "--format", "{{.Name}}"):
        # Of tasks on a node that is gone, there would be no end of waiting.
        logs = ("docker", "service", "logs", "--raw", "--no-task-ids", service)
        told = _said("timeout", str(_PATIENCE), *logs)
        yield f"service log {service}", hunt.names_in(told)


def _said(*argv: str) -> Iterator[bytes]:
    """What a command says, in pieces, also on standard error."""
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as running:
        assert running.stdout is not None
        while piece := running.stdout.read(_CHUNK):
            yield piece


def _lines(*argv: str) -> list[str]:
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=True)
    return done.stdout.split()


def report(places: Iterable[tuple[str, set[str]]]) -> dict[str, list[str]]:
    """The places where something was found, with its names."""
    found: dict[str, set[str]] = {}
    for place, names in places:
        if names:
            found.setdefault(place, set()).update(names)
    return {place: sorted(names) for place, names in found.items()}


if __name__ == "__main__":
    json.dump(report(on_this_node(Hunt(globals()["SECRETS"]))), sys.stdout)
