"""The generator of load, against a real server over TLS."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from bench.load.exchange import Exchange, Ingress
from bench.load.generator import Generator, Plan

from measuring.server import HOST, Server, certificate

RATE = 200.0
#: Seconds.
STALL = 0.5


def load(
    folder: Path,
    prepare: Callable[[Server], None] = lambda _: None,
    *,
    stalled: float = 0.0,
    requests: int = 40,
) -> tuple[list[Exchange], Server]:
    """Send until so many requests were seen; for `stalled` seconds nothing is answered."""

    async def run() -> tuple[list[Exchange], Server]:
        server = Server(asyncio.Event())
        prepare(server)
        async with server.serving(folder) as ca:
            plan = Plan(Ingress("127.0.0.1", server.port, HOST, ca), RATE, connections=3)
            generator, stop = Generator(plan), asyncio.Event()
            sending = asyncio.create_task(generator.run(stop))
            await asyncio.sleep(stalled)
            server.open_.set()
            while server.requests < requests and not sending.done():
                await asyncio.sleep(0.01)
            stop.set()
            await sending
            # Both ends say good-bye before the loop is closed.
            await asyncio.sleep(0.05)
        return sorted(generator.exchanges, key=lambda one: one.scheduled), server

    return asyncio.run(run())


def test_gets_and_posts_over_few_connections(tmp_path: Path) -> None:
    exchanges, server = load(tmp_path)
    assert not [one for one in exchanges if one.failed]
    assert server.connections == 3
    assert server.requests == len(exchanges)
    posted = [one.id for one in exchanges if one.id]
    assert len(posted) == len(set(posted)) == sum(server.bodies.values())
    assert 0.25 < len(posted) / len(exchanges) < 0.45


def test_requests_are_due_by_schedule_whatever_the_server_does(tmp_path: Path) -> None:
    exchanges, _ = load(tmp_path, stalled=STALL, requests=150)
    steps = {round(late.scheduled - early.scheduled, 6) for early, late in pairwise(exchanges)}
    assert steps == {1 / RATE}
    # Three were sent at once; the others waited for a connection, and that counts.
    waited = [one for one in exchanges if one.sent is not None and one.sent - one.scheduled > 0.1]
    assert len(waited) > RATE * STALL / 2
    assert all(one.latency + one.takes > 0.1 for one in waited)


def test_a_request_without_an_answer_has_failed_and_is_not_sent_again(tmp_path: Path) -> None:
    exchanges, server = load(tmp_path, lambda server: setattr(server, "break_off", 13))
    failed = [one for one in exchanges if one.failed]
    assert len(failed) == 1
    assert failed[0].status is None
    assert failed[0].error
    assert server.requests == len(exchanges)
    assert set(server.bodies.values()) == {1}
    assert server.connections == 4


def test_another_status_has_failed(tmp_path: Path) -> None:
    exchanges, _ = load(tmp_path, lambda server: setattr(server, "status", (13, 502)))
    assert [one.status for one in exchanges if one.failed] == [502]


def test_a_connection_that_ends_between_requests_is_no_failure(tmp_path: Path) -> None:
    exchanges, server = load(tmp_path, lambda server: setattr(server, "closing", True))
    assert not [one for one in exchanges if one.failed]
    assert server.connections >= len(exchanges)


@pytest.mark.parametrize("wrong", ["signer", "name"])
def test_a_certificate_that_does_not_verify_is_refused(tmp_path: Path, wrong: str) -> None:
    other = tmp_path / "other"
    other.mkdir()

    async def run() -> None:
        server = Server(asyncio.Event())
        async with server.serving(tmp_path) as ca:
            ingress = Ingress("127.0.0.1", server.port, HOST, ca)
            if wrong == "signer":
                ingress = replace(ingress, ca=certificate(other))
            else:
                ingress = replace(ingress, host="other.test")
            await Generator(Plan(ingress, RATE, connections=1)).run(asyncio.Event())

    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(run())
