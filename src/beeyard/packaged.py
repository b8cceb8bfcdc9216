"""Files of the installed package, as build contexts take them: however it is installed."""

from collections.abc import Collection, Iterator
from importlib.resources.abc import Traversable

#: Files by path, each with its mode and contents.
Files = dict[str, tuple[int, bytes]]

_CACHE = "__pycache__"


def read(folder: Traversable, prefix: str = "", without: Collection[str] = ()) -> Files:
    """All files below `folder`, by their paths after `prefix`; `without`: folders right in it."""
    return dict(_walk(folder, prefix, without))


def _walk(
    folder: Traversable, prefix: str, without: Collection[str] = ()
) -> Iterator[tuple[str, tuple[int, bytes]]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        path = f"{prefix}{entry.name}"
        if not entry.is_dir():
            contents = entry.read_bytes()
            # Modes are not asked for: a wheel does not keep them.
            yield path, (0o755 if contents.startswith(b"#!") else 0o644, contents)
        elif entry.name != _CACHE and entry.name not in without:
            yield from _walk(entry, f"{path}/")
