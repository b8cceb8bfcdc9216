"""Files of lines that tell of themselves whether they are whole.

A line is JSON: `{"crc":"0a1b2c3d","seq":4,…}`. `seq` counts the lines of a file from 0, and `crc`
is the CRC-32 of what follows it up to the line's end. Each line is written and synced before the
next one is begun, so only the last can be there in part.
"""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from beeyard.errors import BeeyardError

#: The longest line that is read (bytes).
LONGEST = 16 * 1024 * 1024
_START, _AFTER = b'{"crc":"', b'",'
_HEAD = len(_START) + 8 + len(_AFTER)
_PIECE = 64 * 1024


class Damaged(BeeyardError):
    """A file is not as it was written."""

    def __init__(self, path: Path, offset: int, why: str) -> None:
        super().__init__(
            f"{path.parent.name}/{path.name} is damaged at byte {offset}",
            where=f"{path}, byte {offset}",
            why=why,
            fix="restore the file from a backup; nothing was changed",
        )
        self.path = path
        self.offset = offset


@dataclass(frozen=True)
class Line:
    """One line: where it begins, where it ends (after the newline), and what it says."""

    offset: int
    end: int
    said: dict[str, Any]


def frame(seq: int, body: bytes) -> bytes:
    """A line. `body` is JSON: the inside of an object, without its braces or a newline."""
    rest = b'"seq":%d,%s}' % (seq, body)
    return b"%s%08x%s%s\n" % (_START, zlib.crc32(rest), _AFTER, rest)


@dataclass
class Lines:
    """The lines of a file, from its beginning.

    length  how many bytes of it count: all of them must be whole lines. None: as far as it goes,
            and what its writer did not finish at the end is left out
    end     after reading: where the last whole line ends
    left_out  after reading: how many bytes after it were left out

    Reading raises Damaged; a file that is not there has no lines.
    """

    path: Path
    length: int | None = None
    end: int = field(default=0, init=False)
    left_out: int = field(default=0, init=False)

    def __iter__(self) -> Iterator[Line]:
        self.end = self.left_out = 0
        try:
            file = self.path.open("rb")
        except FileNotFoundError:
            if self.length:
                raise Damaged(self.path, 0, "the file is gone") from None
            return
        with file:
            yield from self._read(file)

    def _read(self, file: IO[bytes]) -> Iterator[Line]:
        seq = 0
        while self.length is None or self.end < self.length:
            raw = file.readline(LONGEST)
            if not raw and self.length is None:
                return
            said = parse(raw)
            if said is None:
                self._leave_out(file, raw)
                return
            if said.get("seq") != seq:
                raise Damaged(self.path, self.end, f"line {seq} should be here, not another")
            line = Line(self.end, self.end + len(raw), said)
            if self.length is not None and line.end > self.length:
                raise Damaged(self.path, self.end, "a line goes on where the file should end")
            self.end, seq = line.end, seq + 1
            yield line

    def _leave_out(self, file: IO[bytes], raw: bytes) -> None:
        """What is no line is the end that was not finished, if it is the end."""
        if self.length is not None:
            raise Damaged(self.path, self.end, "what stands here was not written by the controller")
        if _line_follows(file, raw):
            raise Damaged(self.path, self.end, "what stands here is damaged, and more follows")
        self.left_out = file.seek(0, 2) - self.end


def parse(raw: bytes) -> dict[str, Any] | None:
    """What a line says; None if it is not whole."""
    start, rest = raw[:_HEAD], raw[_HEAD:]
    if not (rest.endswith(b"\n") and start == b"%s%08x%s" % (_START, _crc(rest), _AFTER)):
        return None
    try:
        said = json.loads(b"{" + rest)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


def _crc(rest: bytes) -> int:
    return zlib.crc32(memoryview(rest)[:-1])


def _line_follows(file: IO[bytes], raw: bytes) -> bool:
    """Whether a whole line stands anywhere after the beginning of `raw`, which was just read."""
    start = raw.find(_START, 1)
    while raw:
        while start > 0:
            if parse(raw[start:]) is not None:
                return True
            start = raw.find(_START, start + 1)
        raw = file.readline(LONGEST)
        if parse(raw) is not None:
            return True
        start = raw.find(_START, 1)
    return False
