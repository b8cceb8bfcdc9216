"""A TLS server on this machine, with certificates made here."""

import http.server
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
    """A TLS server at 127.0.0.1. `status`, `headers` and `body` are what it answers, when `answers`
    is set.

    asked   how many requests came
    seen    their paths, with the header `X-Probe`
    """

    port: int
    root: str
    status: int = 200
    body: bytes = b"hello"
    headers: dict[str, str] = field(default_factory=dict)
    host: str | None = None
    asked: int = 0
    seen: set[tuple[str, str | None]] = field(default_factory=set)
    answers: threading.Event = field(default_factory=threading.Event)


@contextmanager
def sites(folder: Path) -> Iterator[Callable[..., Site]]:
    """Makes sites, all of which are gone afterwards."""
    servers: list[http.server.ThreadingHTTPServer] = []
    made: list[Site] = []

    def make(issuer: str = "Test CA", expires: datetime = EXPIRES) -> Site:
        ca_key = ec.generate_private_key(ec.SECP256R1())
        key = ec.generate_private_key(ec.SECP256R1())
        root = certificate(issuer, ca_key, issuer, ca_key, ca=True)
        own = certificate(NAME, key, issuer, ca_key, expires)
        chain = folder / "chain.pem"
        secret = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        chain.write_text(pem(own) + secret.decode())
        site = Site(0, pem(root))
        site.answers.set()
        made.append(site)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.host = self.headers["Host"]
                site.asked += 1
                site.seen.add((self.path, self.headers["X-Probe"]))
                site.answers.wait()
                self.send_response(site.status)
                for name, value in site.headers.items():
                    self.send_header(name, value)
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

    try:
        yield make
    finally:
        for site in made:
            site.answers.set()
        for server in servers:
            server.shutdown()
            server.server_close()
