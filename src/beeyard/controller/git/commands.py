"""The head of a push: which refs are to be moved, and how the client wants to be told.

Source: gitprotocol-pack(5), "Reference Update Request and Packfile Transfer".
"""

from collections.abc import Sequence
from dataclasses import dataclass

from beeyard.controller.git.errors import ProtocolError
from beeyard.controller.git.names import is_id
from beeyard.controller.git.pktline import DATA, FLUSH, WORDS, Packets, on_band, packet
from beeyard.controller.git.push import Change

# What of a client's wishes reaches Git. Nothing else was advertised that a push would need.
_KNOWN = {"atomic", "ofs-delta", "quiet", "push-options", "object-format=sha1"}
_REPORT = ("report-status-v2", "report-status")
_BANDS = "side-band-64k"


@dataclass(frozen=True)
class Head:
    """What a client wants of a push.

    shallow       commits that its history ends at, as it sent them
    capabilities  what it asked for
    options       of `git push -o`
    """

    changes: tuple[Change, ...]
    shallow: tuple[bytes, ...] = ()
    capabilities: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()

    @property
    def bands(self) -> bool:
        """Whether words can be sent beside the report."""
        return _BANDS in self.capabilities

    @property
    def atomic(self) -> bool:
        """Whether all of it is to be done, or nothing."""
        return "atomic" in self.capabilities

    @property
    def reports(self) -> bool:
        return not self.capabilities.isdisjoint(_REPORT)

    def encoded(self) -> bytes:
        """The head for Git: with bands and a report in any case, because we read them."""
        report = next((one for one in _REPORT if one in self.capabilities), "report-status")
        asked = " ".join([*sorted(self.capabilities & _KNOWN), report, _BANDS])
        lines = [f"{one.before} {one.after} {one.ref}" for one in self.changes]
        lines[0] += f"\0{asked}"
        parts = [*self.shallow, *(line.encode() for line in lines)]
        data = b"".join(packet(part) for part in parts) + FLUSH
        if "push-options" in self.capabilities:
            data += b"".join(packet(option.encode()) for option in self.options) + FLUSH
        return data


async def read_head(packets: Packets, limit: int) -> Head:
    """The head of a push, of `limit` bytes at most; without changes where a client only asks
    whether it may push. Raises ProtocolError."""
    shallow: list[bytes] = []
    lines: list[bytes] = []
    try:
        for line in await _lines(packets, limit):
            (shallow if line.startswith(b"shallow ") else lines).append(line)
        if not lines:
            return Head(())
        lines[0], _, asked = lines[0].partition(b"\0")
        capabilities = frozenset(asked.decode().split())
        options = await _lines(packets, limit) if "push-options" in capabilities else []
        changes = tuple(_change(line) for line in lines)
        return Head(changes, tuple(shallow), capabilities, tuple(o.decode() for o in options))
    except EOFError:
        raise ProtocolError("the push is cut off") from None
    except UnicodeDecodeError:
        raise ProtocolError("what came is no push") from None


async def _lines(packets: Packets, limit: int) -> list[bytes]:
    lines: list[bytes] = []
    left = limit
    while (line := await packets.next()) is not None:
        left -= len(line) + 4
        if left < 0:
            raise ProtocolError("too many branches and tags for one push: push some at a time")
        lines.append(line.removesuffix(b"\n"))
    return lines


def _change(line: bytes) -> Change:
    # What is no UTF-8 is kept, so that it can be refused by its name.
    before, _, rest = line.decode(errors="surrogateescape").partition(" ")
    after, _, ref = rest.partition(" ")
    if not (is_id(before) and is_id(after) and ref and "\0" not in ref):
        raise ProtocolError("what came is no push")
    return Change(ref, before, after)


@dataclass(frozen=True)
class Report:
    """What Git made of a push: refs that were moved, and the others with the reason."""

    unpacked: str
    accepted: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


def read_report(lines: Sequence[bytes | None]) -> Report:
    """The report that Git gives after a push, by its packets."""
    unpacked, accepted, refused = "", [], []
    for line in lines:
        word, _, rest = (line or b"").decode(errors="replace").rstrip("\n").partition(" ")
        if word == "unpack":
            unpacked = rest
        elif word == "ok":
            accepted.append(rest)
        elif word == "ng":
            ref, _, why = rest.partition(" ")
            refused.append((ref, why))
    return Report(unpacked, tuple(accepted), tuple(refused))


def answered(head: Head, report: Report, words: str) -> bytes:
    """What a client that wants a report gets where Git gave none: `words`, and what became of each
    ref; all but the last packet."""
    lines = ["unpack ok\n"]
    lines += [f"ok {ref}\n" for ref in report.accepted]
    lines += [f"ng {ref} {why}\n" for ref, why in report.refused]
    data = b"".join(packet(line.encode(errors="surrogateescape")) for line in lines) + FLUSH
    if not head.bands:
        return data
    return on_band(WORDS, f"{words}\n".encode()) + on_band(DATA, data)
