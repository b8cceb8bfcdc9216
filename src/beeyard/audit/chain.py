"""Whether the audit log is as it was written: its files, compared with heads kept elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from beeyard.audit.entry import OPENED, Head, parse

#: The longest line that is read at once (bytes).
_LONGEST = 4 * 1024 * 1024
#: After so many problems no more are looked for.
_MOST = 20


@dataclass(frozen=True)
class Problem:
    """Where the chain breaks: at which entry, in which file and at which byte, and how."""

    entry: int
    where: str
    what: str


@dataclass(frozen=True)
class LeftOut:
    """What stands in the folder and is no part of the chain: bytes after the part of a file that
    counts, or a whole file. A copy leaves it that lost its lease, or was cut off while it wrote."""

    file: str
    bytes: int


@dataclass(frozen=True)
class Chain:
    """What was read: where the chain ends, what is wrong with it, and what is not part of it."""

    head: Head
    problems: tuple[Problem, ...]
    left_out: tuple[LeftOut, ...]
    #: The hashes of those entries that were asked for, by number.
    hashes: Mapping[int, str]


def verify(folder: Path, *heads: Head) -> Chain:
    """Read the whole log below `folder`, an entry at a time, and compare it with heads that were
    kept elsewhere. Nothing is wrong if `problems` is empty."""
    walk = _Walk(wanted=frozenset(head.entries for head in heads))
    path = _path(folder)
    for number, (file, length) in enumerate(path):
        walk.file(file, length, newest=number == len(path) - 1)
    chain = Chain(walk.at, (), (), walk.hashes)
    found = (compare(head, chain) for head in heads)
    problems = [*walk.problems, *dict.fromkeys(one for one in found if one)]
    left_out = [*walk.left_out, *_unused(folder, {file.name for file, _ in path})]
    return Chain(walk.at, tuple(problems[:_MOST]), tuple(left_out), walk.hashes)


def compare(head: Head, chain: Chain) -> Problem | None:
    """What a head that was kept elsewhere says of a chain: None if it is one of its entries.

    The chain may have gone on since. Its `hashes` must hold the entry that the head is of.
    """
    if head.entries == 0:
        return None
    gone = head.entries - chain.head.entries
    if gone > 0:
        return Problem(
            chain.head.entries + 1,
            "the end of the log",
            f"{gone} entr{'y is' if gone == 1 else 'ies are'} gone: there were {head.entries}",
        )
    if chain.hashes.get(head.entries) != head.hash:
        return Problem(
            head.entries,
            "the head that was kept elsewhere",
            f"entry {head.entries} is another than was written: it or one before it was changed",
        )
    return None


def entries(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Every entry, oldest first, as it stands there; those that are damaged are passed over."""
    for file, length in _path(folder):
        yield from _said(file, length)


def recent(folder: Path, most: int) -> list[Mapping[str, Any]]:
    """The last entries, newest first."""
    found: list[Mapping[str, Any]] = []
    for file, length in reversed(_path(folder)):
        found.extend(reversed(list(_said(file, length))))
        if len(found) >= most:
            break
    return found[:most]


@dataclass
class _Walk:
    """Goes along the chain. `at`: the last entry that was read."""

    wanted: frozenset[int]
    at: Head = field(default_factory=Head)
    problems: list[Problem] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    _sure: bool = True

    def file(self, path: Path, length: int | None, *, newest: bool) -> None:
        """`length`: how many bytes of it count."""
        size = path.stat().st_size if path.exists() else None
        if size is None or (length is not None and size < length):
            self._find(path, size or 0, "the file is gone" if size is None else "its end is gone")
            return
        offset = 0
        for raw in raw_lines(path, length):
            if newest and not raw.endswith(b"\n") and offset + len(raw) == size:
                # Its writer was cut off, or writes just now.
                length = offset
                break
            self._entry(path, offset, parse(raw))
            offset += len(raw)
        if length is not None and size > length:
            self.left_out.append(LeftOut(path.name, size - length))

    def _entry(self, path: Path, offset: int, said: dict[str, Any] | None) -> None:
        number = self.at.entries + 1
        if said is None:
            self._find(path, offset, f"entry {number} is not as it was written")
            self.at, self._sure = Head(number, ""), False
            return
        if said["n"] > number:
            self._find(path, offset, f"before entry {said['n']}, {said['n'] - number} are gone")
        elif said["n"] < number:
            self._find(path, offset, f"entry {said['n']} stands where entry {number} should")
        elif self._sure and said.get("previous") != self.at.hash:
            self._find(path, offset, f"entry {number} does not go on from the one before it")
        self.at, self._sure = Head(said["n"], said["hash"]), True
        if said["n"] in self.wanted:
            self.hashes[said["n"]] = said["hash"]

    def _find(self, path: Path, offset: int, what: str) -> None:
        if len(self.problems) < _MOST:
            where = f"{path.name}, byte {offset}"
            self.problems.append(Problem(self.at.entries + 1, where, what))


def _said(file: Path, length: int | None) -> Iterator[Mapping[str, Any]]:
    if file.exists():
        yield from (said for raw in raw_lines(file, length) if (said := parse(raw)))


def _path(folder: Path) -> list[tuple[Path, int | None]]:
    """The files of the chain, oldest first, with how many bytes of each count (None: all).

    The newest that holds an entry says which one it goes on from, and so on.
    """
    older = chain_files(folder)
    while older and not any(parse(raw) for raw in raw_lines(older[-1])):
        older.pop()
    path: list[tuple[Path, int | None]] = []
    length: int | None = None
    while older:
        file = older.pop()
        path.append((file, length))
        first = _first(file)
        if first is None:
            # It is damaged, as will be found; what is before it can only be guessed.
            length = None
            continue
        after, length = first.get("file"), first.get("bytes")
        if not isinstance(after, str) or not isinstance(length, int):
            break
        older = [one for one in older if one.name < after]
        if after < file.name:
            older.append(folder / Path(after).name)
    return path[::-1]


def _first(file: Path) -> Mapping[str, Any] | None:
    """What the first entry of a file says of the one before; None if it says nothing of it."""
    raw = next(raw_lines(file), b"") if file.exists() else b""
    said = parse(raw) or {}
    details = said.get("details")
    is_first = said.get("what") == OPENED and said.get("on") == file.name
    return details if is_first and isinstance(details, dict) else None


def _unused(folder: Path, used: set[str]) -> Iterator[LeftOut]:
    for file in chain_files(folder):
        if file.name not in used:
            yield LeftOut(file.name, file.stat().st_size)


def chain_files(folder: Path) -> list[Path]:
    """The log's files, the oldest first. Raises FileNotFoundError where there is no log."""
    return sorted(
        path
        for path in folder.iterdir()
        if path.suffix == ".jsonl" and len(path.stem) == 15 and path.stem.replace("-", "").isdigit()
    )


def raw_lines(path: Path, length: int | None = None) -> Iterator[bytes]:
    """The lines of a file as they stand there, of its first `length` bytes; None: of all."""
    left = path.stat().st_size if length is None else length
    with path.open("rb") as file:
        while left > 0 and (raw := file.readline(min(left, _LONGEST))):
            left -= len(raw)
            yield raw
