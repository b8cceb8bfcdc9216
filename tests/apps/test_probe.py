"""Probes against a real TLS server on this machine."""

import socket
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from apps.sites import EXPIRES, NAME, Site
from beeyard.apps import ProbeResult, answered, await_answer, probe
from beeyard.apps.probe import MAINTENANCE, Asker, ask
from beeyard.errors import UnverifiedError
from beeyard.testing import FakeClock


def test_an_answer_states_the_certificate(make_site: Callable[..., Site]) -> None:
    site = make_site()
    result = probe(f"https://{NAME}/x", "127.0.0.1", https_port=site.port, ca_pem=site.root)
    assert result.ok
    assert result.status == 200
    assert result.certificate is not None
    assert (result.certificate.issuer, result.certificate.expires) == ("Test CA", EXPIRES)
    assert site.host == f"{NAME}:{site.port}"


def test_no_thread_closes_what_another_is_asking_on(make_site: Callable[..., Site]) -> None:
    """As threads of one httpx client do (encode/httpcore, issue 1110)."""
    site = make_site()
    with (
        Asker(f"https://{NAME}/", "127.0.0.1", site.port, site.root) as asker,
        ThreadPoolExecutor(2) as pool,
    ):
        together = threading.Barrier(2)

        def used(_: int) -> list[httpx.Client]:
            together.wait(timeout=10)
            assert [ask(asker).ok for _ in range(2)] == [True, True]
            return [asker._client for _ in range(2)]

        one, other = pool.map(used, range(2))
    assert one[0] is one[1] is not other[0]
    assert [client.is_closed for client in (*one, *other)] == [True] * 4


def test_a_sign_in_page_is_an_answer(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.status = 401
    assert probe(f"https://{NAME}/", "127.0.0.1", https_port=site.port, ca_pem=site.root).ok


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (502, b"Bad Gateway", "it answers 502: Traefik reaches no task"),
        (500, b"oops", "it answers 500"),
        (404, b"404 page not found\n", f"Traefik knows no router for {NAME} (404)"),
        (404, b"the application's own", None),
    ],
)
def test_what_is_no_answer(
    make_site: Callable[..., Site], status: int, body: bytes, words: str | None
) -> None:
    site = make_site()
    site.status, site.body = status, body
    result = probe(f"https://{NAME}/", "127.0.0.1", https_port=site.port, ca_pem=site.root)
    assert (result.problem is None) == (words is None)
    assert (result.problem or "").startswith(words or "")


def test_the_maintenance_page_is_there_on_purpose(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.status = 503
    asked: Any = {"https_port": site.port, "ca_pem": site.root}
    result = probe(f"https://{NAME}/", "127.0.0.1", **asked)
    assert (result.ok, result.maintenance) == (False, False)
    site.headers = {MAINTENANCE: "on"}
    result = probe(f"https://{NAME}/", "127.0.0.1", **asked)
    assert (result.ok, result.maintenance, result.status) == (True, True, 503)


def test_an_issuer_that_is_not_trusted_is_named(make_site: Callable[..., Site]) -> None:
    result = probe(f"https://{NAME}/", "127.0.0.1", https_port=make_site().port, ca_pem=None)
    assert result.status is None
    assert (result.problem or "").startswith("the certificate by Test CA is not trusted: ")


def test_traefiks_own_certificate_means_that_there_is_none_yet(
    make_site: Callable[..., Site],
) -> None:
    site = make_site("TRAEFIK DEFAULT CERT")
    result = probe(f"https://{NAME}/", "127.0.0.1", https_port=site.port, ca_pem=None)
    assert result.problem == f"Traefik has no certificate for {NAME} yet"


def test_a_certificate_for_another_name_is_refused(make_site: Callable[..., Site]) -> None:
    site = make_site()
    result = probe("https://other.test/", "127.0.0.1", https_port=site.port, ca_pem=site.root)
    assert "not valid for 'other.test'" in (result.problem or "")


def test_an_expired_certificate_is_said(make_site: Callable[..., Site]) -> None:
    site = make_site(expires=datetime.now(UTC) - timedelta(days=1))
    result = probe(f"https://{NAME}/", "127.0.0.1", https_port=site.port, ca_pem=site.root)
    assert "expired on" in (result.problem or "")


def test_a_port_where_nothing_listens(make_site: Callable[..., Site]) -> None:
    site = make_site()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        result = probe(f"https://{NAME}/", "127.0.0.1", https_port=port, ca_pem=site.root)
    assert result.problem == f"connection refused: nothing listens at 127.0.0.1:{port}"
    assert not result.listening


def test_a_forwarder_with_nothing_behind_it() -> None:
    """As HAProxy where the rehearsal's addresses answer: it accepts, then hangs up."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]

        def hang_up() -> None:
            listener.accept()[0].close()

        threading.Thread(target=hang_up, daemon=True).start()
        result = probe(f"https://{NAME}/", "127.0.0.1", https_port=port, ca_pem=None)
    assert result.problem == f"127.0.0.1:{port} closed the connection: nothing listens behind it"
    assert not result.listening


@pytest.mark.parametrize(
    ("ways", "counts"),
    [
        ([(True, True), (True, True)], True),
        ([(False, False), (True, True)], True),
        ([(False, True), (True, True)], False),
        ([(False, False), (False, False)], False),
        ([], False),
    ],
)
def test_clients_pass_over_addresses_where_nothing_listens(
    ways: list[tuple[bool, bool]], counts: bool
) -> None:
    results = [
        ProbeResult("https://x/", "198.51.100.1", None, 0.1, None, None if ok else "no", listening)
        for ok, listening in ways
    ]
    assert answered(results) is counts


def test_waiting_ends_with_the_last_reason(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.status = 503
    heard: list[ProbeResult] = []
    with pytest.raises(UnverifiedError, match=f"https://{NAME}/ does not answer") as caught:
        await_answer(
            f"https://{NAME}/",
            ["127.0.0.1"],
            https_port=site.port,
            ca_pem=site.root,
            deadline=2,
            clock=FakeClock(),
            progress=heard.append,
        )
    assert caught.value.why == "it answers 503: no healthy task"
    assert [result.problem for result in heard] == ["it answers 503: no healthy task"]


def test_waiting_gives_the_answer_of_every_address(make_site: Callable[..., Site]) -> None:
    site = make_site()
    results = await_answer(
        f"https://{NAME}/",
        ["127.0.0.1", "127.0.0.1"],
        https_port=site.port,
        ca_pem=site.root,
        clock=FakeClock(),
    )
    assert [result.ok for result in results] == [True, True]
