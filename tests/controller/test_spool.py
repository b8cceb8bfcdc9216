"""Logs on their way: none of it lost, whoever is away."""

import threading
from pathlib import Path

from beeyard.controller.runner.spool import Spool
from beeyard.errors import PipelineError


def test_all_of_it_arrives_in_order_however_it_was_written(tmp_path: Path) -> None:
    got = bytearray()

    def send(offset: int, data: bytes) -> int:
        assert offset == len(got)
        got.extend(data)
        return len(got)

    spool = Spool(tmp_path / "log", send)
    for number in range(2000):
        spool.write(b"line %d\n" % number)
    spool.close()
    assert spool.join(10)
    assert bytes(got) == b"".join(b"line %d\n" % number for number in range(2000))
    assert not (tmp_path / "log").exists()


def test_a_step_is_not_held_up_while_the_controller_is_away(tmp_path: Path) -> None:
    back, got = threading.Event(), bytearray()

    def send(_: int, data: bytes) -> int:
        assert back.wait(10)
        got.extend(data)
        return len(got)

    spool = Spool(tmp_path / "log", send)
    for _ in range(100):
        spool.write(b"x" * 100_000)
    spool.close()
    assert not got
    back.set()
    assert spool.join(10)
    assert len(got) == 10_000_000


def test_it_goes_on_where_the_controller_says(tmp_path: Path) -> None:
    """Another copy may have more of it, or less, than was confirmed to us."""
    got = bytearray(b"012")

    def send(offset: int, data: bytes) -> int:
        if offset > len(got):
            return len(got)
        got.extend(data[len(got) - offset :][:4])
        return len(got)

    spool = Spool(tmp_path / "log", send)
    spool.write(b"0123456789")
    spool.close()
    assert spool.join(10)
    assert bytes(got) == b"0123456789"


def test_what_can_not_be_sent_is_said(tmp_path: Path) -> None:
    def send(_: int, __: bytes) -> int:
        raise PipelineError("the controller does not answer", why="connection refused")

    spool = Spool(tmp_path / "log", send)
    spool.write(b"lost")
    spool.close()
    assert not spool.join(10)
    assert spool.problem == "the controller does not answer: connection refused"
