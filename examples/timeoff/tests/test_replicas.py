"""Several replicas on one MariaDB; health; the way out under SIGTERM."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL

from support.browser import Visitor
from support.mariadb import MariaDB
from support.replica import DEMO_PASSWORD, SOURCES, Replica

pytestmark = pytest.mark.slow

DRAIN_SECONDS = 2.0


@pytest.fixture(scope="module")
def pair(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Replica]]:
    """Two replicas on one database; the first is the one that a test stops, last of all."""
    mariadb.create("pair")
    url, folder = mariadb.url("pair"), tmp_path_factory.mktemp("pair")
    demo = {"TIMEOFF_DEMO_PASSWORD": DEMO_PASSWORD}
    with (
        Replica.start(url, folder, {**demo, "DRAIN_SECONDS": str(DRAIN_SECONDS)}) as first,
        Replica.start(url, folder, demo) as second,
    ):
        yield [first, second]


def probe(port: int) -> int:
    """What the container's health check says."""
    return subprocess.run(
        [sys.executable, "-S", "-m", "timeoff.probe"],
        env={**os.environ, "PYTHONPATH": str(SOURCES), "PORT": str(port)},
        capture_output=True,
        check=False,
    ).returncode


def test_a_session_is_good_on_every_replica(pair: list[Replica]) -> None:
    first, second = pair
    with Visitor(first.base) as visitor:
        visitor.sign_in("employee")
        cookies = dict(visitor.client.cookies)
        token = visitor.token("/leave/new")
    year = time.gmtime().tm_year + 1
    fields = {
        "csrf": token,
        "leave_type_id": "1",
        "starts_on": f"{year}-06-01",
        "ends_on": f"{year}-06-14",
    }
    with httpx.Client(base_url=second.base, cookies=cookies) as client:
        assert client.get("/calendar").status_code == 200
        assert client.post("/leave/new", data=fields).status_code == 303
    with httpx.Client(base_url=first.base, cookies=cookies) as client:
        assert f"/leave?year={year}" in client.get("/leave").text
        assert "10 days pending" in client.get(f"/leave?year={year}").text


def test_wrong_passwords_are_counted_together(pair: list[Replica]) -> None:
    for number in range(5):
        with Visitor(pair[number % 2].base) as visitor:
            assert visitor.sign_in("support", "wrong").status_code == 422
    for replica in pair:
        with Visitor(replica.base) as visitor:
            assert visitor.sign_in("support").status_code == 429


class Load:
    """Requests without a pause from several threads, with and without kept connections."""

    def __init__(self, base: str, cookies: dict[str, str]) -> None:
        self.base = base
        self.cookies = cookies
        self.answers: list[tuple[float, str, str]] = []
        self.stopping = threading.Event()
        self.threads = [
            threading.Thread(target=self._ask, args=(number % 2 == 0,)) for number in range(6)
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self.threads:
            thread.start()

    def finish(self) -> None:
        """End, after the requests that are under way."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(20)

    def _ask(self, keep: bool) -> None:
        client = self._client()
        while not self.stopping.is_set():
            try:
                answer = client.get("/calendar")
                outcome, close = str(answer.status_code), answer.headers.get("connection", "")
            except httpx.TransportError as error:
                outcome, close = repr(error), ""
            self.answers.append((time.monotonic(), outcome, close))
            if not keep:
                client.close()
                client = self._client()
        client.close()

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.base, cookies=self.cookies, timeout=10)


def test_sigterm_loses_no_request(pair: list[Replica]) -> None:
    leaving = pair[0]
    with Visitor(leaving.base) as visitor:
        visitor.sign_in("employee")
        load = Load(leaving.base, dict(visitor.client.cookies))
    load.start()
    _until(lambda: len(load.answers) >= 50)

    leaving.process.send_signal(signal.SIGTERM)
    told = time.monotonic()
    _until(lambda: httpx.get(f"{leaving.base}/healthz").status_code == 503)
    assert time.monotonic() - told < 1
    assert probe(leaving.port) == 1
    assert probe(pair[1].port) == 0
    _until(lambda: time.monotonic() - told > DRAIN_SECONDS * 0.9)
    load.finish()

    assert leaving.process.wait(15) == 0, leaving.log.read_text()
    assert DRAIN_SECONDS <= time.monotonic() - told < DRAIN_SECONDS + 5
    assert Counter(outcome for _, outcome, _ in load.answers) == {"200": len(load.answers)}
    late = [close for at, _, close in load.answers if at > told + 0.5]
    assert len(late) >= 20
    assert set(late) == {"close"}
    assert pair[1].process.poll() is None
    assert httpx.get(f"{pair[1].base}/healthz").status_code == 200


def _until(condition: object) -> None:
    """Wait for `condition()`; fail after 15 s."""
    assert callable(condition)
    deadline = time.monotonic() + 15
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


def test_a_second_sigterm_ends_the_drain(sqlite_url: URL, tmp_path: Path) -> None:
    with Replica.start(sqlite_url, tmp_path, {"DRAIN_SECONDS": "60"}) as replica:
        replica.process.send_signal(signal.SIGTERM)
        _until(lambda: httpx.get(f"{replica.base}/healthz").status_code == 503)
        assert replica.stop() == 0


def test_sigterm_while_waiting_for_the_database(tmp_path: Path) -> None:
    nowhere = URL.create("mysql+pymysql", "someone", "secret", "127.0.0.1", 1, "timeoff")
    replica = Replica.spawn(nowhere, tmp_path, {})
    try:
        _until(lambda: "waiting for" in replica.log.read_text())
    finally:
        code = replica.stop()
    assert code == 128 + signal.SIGTERM


def test_health_follows_the_database(tmp_path: Path) -> None:
    with MariaDB.start(tmp_path) as server:
        server.create("health")
        url = server.url("health")
        with Replica.start(url, tmp_path, {}) as replica:
            server.suspend()
            try:
                began = time.monotonic()
                answer = httpx.get(f"{replica.base}/healthz", timeout=10)
                assert answer.status_code == 503
                assert "database" in answer.text
                assert time.monotonic() - began < 2.5
            finally:
                server.resume()
            _until(lambda: httpx.get(f"{replica.base}/healthz").status_code == 200)
