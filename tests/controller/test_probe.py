"""What the controller's health check says of what answers, or doesn't, beside it."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import beeyard
from beeyard.controller import probe


@contextmanager
def answering(words: bytes) -> Iterator[int]:
    """A server on this machine that answers one connection with these words; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(words)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


@pytest.mark.parametrize(
    ("words", "active", "said"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", True, ""),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", False, "503 Service Unavailable"),
        (b"", False, "answers: "),
    ],
    ids=["active", "waiting", "closed"],
)
def test_what_is_answered(
    words: bytes, active: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(words) as port:
        assert probe.active(port) is active
    assert said in capsys.readouterr().err


def test_nobody_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert probe.active(port) is False
    assert f"no answer on port {port}" in capsys.readouterr().err


def test_one_that_accepts_and_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert probe.active(server.getsockname()[1]) is False


def test_it_starts_without_what_is_slow_to_load() -> None:
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", "import beeyard.controller.probe, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(beeyard.__file__).parents[1],
    ).stdout.split()
    assert not {"http.client", "email", "ssl"} & set(loaded)
