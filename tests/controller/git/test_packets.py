"""Git's packets, heads and reports, as bytes: whatever comes, it is read or refused."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beeyard.controller.git.commands import Head, Report, answered, read_head, read_report
from beeyard.controller.git.errors import ProtocolError
from beeyard.controller.git.fetch import protocol
from beeyard.controller.git.names import NOTHING, is_application, is_ref
from beeyard.controller.git.pktline import FLUSH, LARGEST, Packets, on_band, packet, unpacked
from beeyard.controller.git.push import Change

ONE, TWO = "1" * 40, "2" * 40


def pieces(data: bytes, size: int) -> Packets:
    """The packets of `data`, which comes `size` bytes at a time."""
    parts = [data[at : at + size] for at in range(0, len(data), size)]

    async def more() -> bytes:
        return parts.pop(0) if parts else b""

    return Packets(more)


def head_of(data: bytes, size: int = 7) -> Head:
    return asyncio.run(read_head(pieces(data, size), 1 << 20))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300) | st.none()), st.integers(1, 500))
def test_packets_are_read_as_they_were_written(lines: Sequence[bytes | None], size: int) -> None:
    data = b"".join(FLUSH if line is None else packet(line) for line in lines)
    assert list(unpacked(data)) == list(lines)

    async def read() -> list[bytes | None]:
        packets = pieces(data, size)
        return [await packets.next() for _ in lines]

    assert asyncio.run(read()) == list(lines)


@settings(deadline=None)
@given(st.binary(max_size=LARGEST * 3), st.integers(1, 3))
def test_bands_hold_any_number_of_bytes(data: bytes, band: int) -> None:
    found = [one or b"" for one in unpacked(on_band(band, data))]
    assert all(one[0] == band for one in found)
    assert b"".join(one[1:] for one in found) == data


def test_a_packet_has_an_end() -> None:
    assert packet(b"x" * LARGEST).startswith(b"fff0")
    with pytest.raises(ValueError, match="65516"):
        packet(b"x" * (LARGEST + 1))


@settings(deadline=None)
@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda data: packet(data) + FLUSH))
def test_whatever_comes_is_a_head_or_refused(data: bytes) -> None:
    try:
        head = head_of(data)
    except ProtocolError:
        return
    assert head.changes == () or head_of(head.encoded()).changes == head.changes


def test_a_head_reaches_git_with_what_we_need_and_nothing_strange() -> None:
    head = head_of(
        packet(f"shallow {TWO}".encode())
        + packet(f"{NOTHING} {ONE} refs/heads/a\0 report-status-v2 quiet evil=1 agent=x".encode())
        + packet(f"{ONE} {TWO} refs/heads/b\n".encode())
        + FLUSH
    )
    assert head.changes == (Change("refs/heads/a", NOTHING, ONE), Change("refs/heads/b", ONE, TWO))
    assert (head.bands, head.reports, head.atomic, head.options) == (False, True, False, ())
    assert list(unpacked(head.encoded())) == [
        f"shallow {TWO}".encode(),
        f"{NOTHING} {ONE} refs/heads/a\0quiet report-status-v2 side-band-64k".encode(),
        f"{ONE} {TWO} refs/heads/b".encode(),
        None,
    ]


def test_what_follows_the_head_is_left_alone() -> None:
    data = packet(f"{NOTHING} {ONE} refs/heads/a\0push-options".encode()) + FLUSH
    data += packet(b"ci.skip") + packet(b"") + FLUSH + b"PACK"

    async def read() -> tuple[Head, bytes]:
        packets = pieces(data, 10_000)
        return await read_head(packets, 1 << 20), packets.rest() + packets.rest()

    head, rest = asyncio.run(read())
    assert head.options == ("ci.skip", "")
    assert rest == b"PACK"
    assert head_of(head.encoded()) == Head(
        head.changes,
        (),
        frozenset({"push-options", "report-status", "side-band-64k"}),
        head.options,
    )


def test_a_report_tells_what_was_moved() -> None:
    report = read_report(
        [
            b"unpack ok\n",
            b"ok refs/heads/a\n",
            b"option old-oid 1\n",
            b"ng refs/heads/b not now\n",
            b"ok refs/heads/c",
            None,
            b"",
            b"\xff\n",
        ]
    )
    assert report.unpacked == "ok"
    assert report.accepted == ("refs/heads/a", "refs/heads/c")
    assert report.refused == (("refs/heads/b", "not now"),)


def test_an_answer_of_ours_is_a_report_as_gits() -> None:
    changes = (Change("refs/heads/a", NOTHING, ONE), Change("refs/heads/b", ONE, TWO))
    head = Head(changes, (), frozenset({"report-status", "side-band-64k"}))
    refused = (("refs/heads/a", "too large"), ("refs/heads/b", "too large"))
    report = Report("ok", ("refs/heads/c",), refused)
    words, told = unpacked(answered(head, report, "it is too large"))
    assert words == b"\x02it is too large\n"
    assert told is not None
    assert read_report(list(unpacked(told[1:]))) == report


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"", {}),
        (b"version=2", {"GIT_PROTOCOL": "version=2"}),
        (b"version=0:version=1", {"GIT_PROTOCOL": "version=1"}),
        (b"agent=x:version=2:other", {"GIT_PROTOCOL": "version=2"}),
        (b"version=22", {}),
        (b"version=2\n", {}),
        (b"version=2;x", {}),
        (b"VERSION=2", {}),
        (b"\xff:version=1", {"GIT_PROTOCOL": "version=1"}),
    ],
)
def test_of_the_protocol_only_the_version_is_passed_on(header: bytes, told: dict[str, str]) -> None:
    assert protocol(header) == told


@pytest.mark.parametrize(
    "name", ["refs/heads/a", "refs/tags/v1.0", "refs/heads/a/b", "refs/heads/$(x)"]
)
def test_refs_are_branches_and_tags(name: str) -> None:
    assert is_ref(name)


@settings(deadline=None)
@given(st.text(max_size=50))
def test_no_name_of_an_application_is_a_path(name: str) -> None:
    if is_application(name):
        assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        assert name[0].isalpha()
