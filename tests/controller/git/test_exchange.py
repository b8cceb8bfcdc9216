"""The body of a request, as the server hands it over."""

import asyncio
import gzip

import pytest

from beeyard.controller.git.errors import ClientGone
from beeyard.controller.git.exchange import Answer, Body, Message


def body_of(*parts: bytes, gzipped: bool = False, cut: bool = False) -> Body:
    """A body that comes in these parts; `cut`: then the client hangs up."""
    messages = [
        {"type": "http.request", "body": part, "more_body": cut or number < len(parts)}
        for number, part in enumerate(parts, 1)
    ]

    async def receive() -> Message:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    return Body(receive, gzipped=gzipped, patience=5)


async def all_of(body: Body) -> list[bytes]:
    pieces = []
    while piece := await body.read():
        pieces.append(piece)
    assert await body.read() == b""
    return pieces


def test_a_body_is_read_to_its_end() -> None:
    body = body_of(b"a", b"", b"b", b"")
    assert asyncio.run(all_of(body)) == [b"a", b"b"]
    assert (body.size, body.complete) == (2, True)


def test_little_that_stands_for_much_comes_in_pieces() -> None:
    packed = gzip.compress(bytes(10_000_000))
    half = len(packed) // 2
    pieces = asyncio.run(all_of(body_of(packed[:half], packed[half:], gzipped=True)))
    assert b"".join(pieces) == bytes(10_000_000)
    assert max(map(len, pieces)) <= 65536


def test_a_client_that_hangs_up_is_gone() -> None:
    with pytest.raises(ClientGone):
        asyncio.run(all_of(body_of(b"a", b"b", cut=True)))


def test_one_that_takes_nothing_is_gone_as_well() -> None:
    async def never(message: Message) -> None:
        await asyncio.sleep(60)

    async def write() -> bool:
        answer = Answer(never, patience=0.01)
        await answer.write(b"x")
        return answer.gone

    assert asyncio.run(write())


def test_to_one_that_is_gone_nothing_is_written() -> None:
    async def broken(message: Message) -> None:
        raise BrokenPipeError

    async def write() -> Answer:
        answer = Answer(broken, patience=5)
        await answer.words(404, "none")
        await answer.finish()
        return answer

    answer = asyncio.run(write())
    assert (answer.started, answer.gone) == (True, True)
