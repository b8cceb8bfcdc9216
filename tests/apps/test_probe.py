"""Probes against a real TLS server on this machine, with certificates made here."""

import http.server
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from beeyard.apps import ProbeResult, answered, await_answer, probe
from beeyard.errors import UnverifiedError
from beeyard.testing import FakeClock

NAME = "app.yard.test"
EXPIRES = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)
Key = ec.EllipticCurvePrivateKey


def certificate(
    subject: str, key: Key, issuer: str, signer: Key, expires: datetime = EXPIRES, ca: bool = False
) -> x509.Certificate:
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(expires - timedelta(days=90))
        .not_valid_after(expires)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(subject.replace(" ", "-"))]), critical=False
        )
    )
    return builder.sign(signer, hashes.SHA256())


def pem(made: x509.Certificate) -> str:
    return made.public_bytes(serialization.Encoding.PEM).decode()


@dataclass
class Site:
    """A TLS server at 127.0.0.1. `status` and `body` are what it answers."""

    port: int
    root: str
    status: int = 200
    body: bytes = b"hello"
    host: str | None = None


@pytest.fixture
def make_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    servers: list[http.server.ThreadingHTTPServer] = []

    def make(issuer: str = "Test CA", expires: datetime = EXPIRES) -> Site:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        key = ec.generate_private_key(ec.SECP256R1())
        root = certificate(issuer, ca_key, issuer, ca_key, ca=True)
        own = certificate(NAME, key, issuer, ca_key, expires)
        chain = tmp_path / "chain.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        chain.write_text(pem(own) + secret.decode())
        site = Site(0, pem(root))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.host = self.headers["Host"]
                self.send_response(site.status)
                self.send_header("Content-Length", str(len(site.body)))
                self.end_headers()
                self.wfile.write(site.body)

            def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
                """Nothing: a test's own output is for its failures."""

        class Server(http.server.ThreadingHTTPServer):
            def handle_error(self, request: object, client_address: object) -> None:
                """A client that trusts nothing hangs up: that is what is tested."""

        server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        site.port = server.server_address[1]
        return site

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


def test_an_answer_states_the_certificate(make_site: Callable[..., Site]) -> None:
    site = make_site()
    result = probe(f"https://{NAME}/x", "127.0.0.1", https_port=site.port, ca_pem=site.root)
    assert result.ok
    assert result.status == 200
    assert result.certificate is not None
    assert (result.certificate.issuer, result.certificate.expires) == ("Test CA", EXPIRES)
    assert site.host == f"{NAME}:{site.port}"


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
