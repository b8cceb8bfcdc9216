"""`POST /hooks/{application}` on a real server: what each delivery is answered with."""

import asyncio
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from beeyard.controller.forges.deliveries import Deliveries, Note, Remembered
from beeyard.controller.forges.routes import Hooks, Intake, hooks_router
from beeyard.controller.forges.settings import Settings
from beeyard.errors import PipelineError
from beeyard.pipelines.event import Event
from beeyard.secret import Secret
from controller.forges.payloads import (
    FORMS,
    SIGNING,
    UNHURRIED,
    A,
    B,
    C,
    D,
    Delivery,
    pull,
    push,
    settings,
)
from controller.forges.servers import Exchangeable, serving

KEYS = {"error", "what", "where", "why", "fix"}
LARGEST = 100_000


@dataclass
class Controller:
    """The rest of the controller. Applications are named by the form that their forge has."""

    started: list[tuple[str, Event]] = field(default_factory=list)
    broken: bool = False
    seen: Remembered = field(default_factory=Remembered)

    def settings(self, application: str) -> Settings | None:
        if application not in FORMS:
            return None
        return settings(push(application).kind, push(application).secret)

    async def start(self, event: Event, note: Note) -> int | str:
        if self.broken:
            raise PipelineError("the journal is full", fix="make room")
        if event.branch == "unwanted":
            return "test: the branch unwanted is not among main"
        self.seen.apply(note)
        self.started.append((note.application, event))
        return len(self.started)

    async def is_ancestor(self, application: str, older: str, newer: str) -> bool:
        return False


@dataclass
class Yard:
    """A controller that serves, and a client."""

    controller: Controller
    intake: Intake
    client: httpx.Client
    url: str

    def post(self, delivery: Delivery, application: str | None = None) -> httpx.Response:
        return self.client.post(
            f"/hooks/{application or delivery.form}",
            content=delivery.body,
            headers=delivery.headers,
        )

    def refused(self, delivery: Delivery, status: int, application: str | None = None) -> Any:
        """The error that a delivery is answered with; nothing was started."""
        before = len(self.controller.started)
        answer = self.post(delivery, application)
        assert answer.status_code == status, answer.text
        error = answer.json()
        assert error.keys() == KEYS
        assert "Traceback" not in answer.text
        assert len(self.controller.started) == before
        return error


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Exchangeable, str]]:
    application = Exchangeable()
    with serving(application) as url:
        yield application, url


@pytest.fixture
def yard(place: tuple[Exchangeable, str]) -> Iterator[Yard]:
    controller = Controller()
    application = FastAPI()
    # Signing tokens are checked against the time of day: here it is the test's.
    intake = Intake(largest=LARGEST, at_once=3 * LARGEST)
    application.include_router(
        hooks_router(
            controller.settings, controller, controller.seen, controller, intake, now=lambda: 1.7e9
        )
    )
    place[0].inner = application
    with httpx.Client(base_url=place[1], trust_env=False) as client:
        yield Yard(controller, intake, client, place[1])


@pytest.mark.parametrize("form", FORMS)
def test_a_push_starts_a_run(yard: Yard, form: str) -> None:
    answer = yard.post(push(form))
    assert answer.status_code == 202
    assert answer.json() == {
        "application": form,
        "run": 1,
        "event": {"kind": "push", "ref": "refs/heads/main", "commit": B},
    }
    assert [(name, event.commit) for name, event in yard.controller.started] == [(form, B)]


@pytest.mark.parametrize("form", FORMS)
def test_replayed_and_reordered(yard: Yard, form: str) -> None:
    assert yard.post(push(form, A, B, id="1")).status_code == 202
    assert "retry" in yard.refused(push(form, A, B, id="1"), 409)["fix"]
    assert yard.post(push(form, C, D, id="3")).status_code == 202
    late = yard.post(push(form, B, C, id="2"))
    assert late.status_code == 200
    assert late.json() == {
        "application": form,
        "ignored": "refs/heads/main has gone on since it was at cccccccccccc",
    }
    assert [event.commit for _, event in yard.controller.started] == [B, D]


@pytest.mark.parametrize("form", FORMS)
def test_a_fork_is_told_to_who_starts_it(yard: Yard, form: str) -> None:
    assert yard.post(pull(form, fork=True)).status_code == 202
    assert yard.controller.started[0][1].fork


def test_what_is_ignored_says_why(yard: Yard) -> None:
    ping = yard.post(Delivery("github", "ping", {}))
    assert (ping.status_code, ping.json()["ignored"]) == (200, "pong: the webhook works")
    unwanted = yard.post(push("github", ref="refs/heads/unwanted"))
    assert unwanted.json()["ignored"] == "test: the branch unwanted is not among main"


def test_who_does_not_know_the_secret_learns_nothing(yard: Yard) -> None:
    """Not even which applications there are."""
    wrong = Secret("another-secret-of-a-hook")
    answers = [
        yard.refused(push("github", secret=wrong), 401, application)
        for application in ("github", "gitlab", "no-such-thing", "a..b", "$(id)", "x" * 500)
    ]
    assert all(answer == answers[0] for answer in answers)


def test_other_refusals(yard: Yard) -> None:
    assert "JSON" in yard.refused(Delivery("github", "push", b"{"), 400)["what"]
    form = push("gitea", more={"content-type": "application/x-www-form-urlencoded"})
    assert "application/json" in yard.refused(form, 400)["fix"]
    assert "ref" in yard.refused(push("gitlab", ref="refs/heads/$(id)"), 422)["why"]
    old = push("gitlab-signed", at=1.7e9 - 400, secret=SIGNING)
    yard.refused(old, 401)


def test_what_can_not_be_started_now_may_come_again(yard: Yard) -> None:
    yard.controller.broken = True
    error = yard.refused(push("github"), 503)
    assert (error["what"], error["fix"]) == ("the journal is full", "make room")
    yard.controller.broken = False
    assert yard.post(push("github")).status_code == 202


def test_a_body_that_is_too_large_is_refused_before_it_is_read(yard: Yard) -> None:
    large = Delivery("github", "push", b" " * (LARGEST + 1))
    assert "too large" in yard.refused(large, 413)["what"]
    fits = push("github")
    fits.payload["padding"] = "x" * (LARGEST - len(fits.body) - 20)
    assert yard.post(fits).status_code == 202


def _raw(yard: Yard, head: str, *pieces: bytes) -> bytes:
    """Send what no client would, and give what comes back until the connection ends."""
    place = urlsplit(yard.url)
    with socket.create_connection((place.hostname or "", place.port or 0), timeout=10) as sent:
        sent.sendall(f"POST /hooks/github HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
        for piece in pieces:
            sent.sendall(piece)
        return sent.recv(65536)


def test_a_body_that_does_not_say_its_length_is_cut_off(yard: Yard) -> None:
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"
    answer = _raw(yard, "Transfer-Encoding: chunked", *[chunk] * 7)
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_length_beyond_all_numbers_is_refused(yard: Yard) -> None:
    answer = _raw(yard, f"Content-Length: {'9' * 18}")
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_come_is_not_waited_for(yard: Yard) -> None:
    yard.intake.patience = 0.2
    answer = _raw(yard, "Content-Length: 1000", b"{")
    assert answer.startswith(b"HTTP/1.1 408")


def test_only_so_much_is_read_at_once(yard: Yard) -> None:
    place = urlsplit(yard.url)
    head = f"POST /hooks/github HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST}\r\n\r\n".encode()
    held = []
    try:
        for _ in range(4):
            one = socket.create_connection((place.hostname or "", place.port or 0), timeout=10)
            held.append(one)
            one.sendall(head + b" " * (LARGEST - 1))
        refused = select.select(held, [], [], 10)[0]
        assert [one.recv(12) for one in refused] == [b"HTTP/1.1 503"]
        for one in set(held) - set(refused):
            one.sendall(b" ")
            assert one.recv(12) == b"HTTP/1.1 401"
    finally:
        for one in held:
            one.close()
    assert yard.post(push("github")).status_code == 202


def test_other_methods_are_refused(yard: Yard) -> None:
    assert yard.client.get("/hooks/github").status_code == 405


def test_the_answers_are_described(yard: Yard) -> None:
    found = yard.client.get("/openapi.json").json()["paths"]["/hooks/{application}"]["post"]
    assert {"200", "202", "400", "401", "409", "413", "422"} <= found["responses"].keys()


class _Request:
    """A request that has a body and headers, and no connection."""

    def __init__(self, headers: dict[str, str], body: bytes) -> None:
        self.headers = headers
        self._body = body

    async def stream(self) -> Any:
        yield self._body


@UNHURRIED
@given(
    st.text(max_size=30),
    st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4),
    st.binary(max_size=100),
)
def test_whatever_comes_is_answered(name: str, headers: dict[str, str], body: bytes) -> None:
    controller = Controller()
    hooks = Hooks(controller.settings, controller, Deliveries(Remembered(), controller))
    request: Any = _Request(headers, body)
    answer = asyncio.run(hooks.answer(name, request))
    assert answer.status_code == 401
