"""Does an address answer, over verified TLS, as a browser would ask it?

The connection goes to an ingress address that is given, whatever DNS says; name and certificate are
those of the URL.
"""

import socket
import ssl
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

import httpx
from cryptography import x509
from cryptography.x509.oid import NameOID

from beeyard.errors import UnverifiedError, causes
from beeyard.waiting import Clock, SystemClock

_POLL = 0.5
#: Seconds without an answer after which a probe gives up.
PATIENCE = 10.0
#: How the problem begins where Traefik shows the certificate that it makes itself.
NO_CERTIFICATE = "Traefik has no certificate"
_SERVER_ERROR = 500
_NOT_FOUND = 404
#: The header of the page that stands in for an application under maintenance.
MAINTENANCE = "X-Beeyard-Maintenance"
# Traefik's own answer where no router matches.
_NO_ROUTER = b"404 page not found\n"
# A forwarder that takes connections for somebody who does not, before TLS has begun.
_HUNG_UP = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ConnectionResetError)


@dataclass(frozen=True)
class Certificate:
    """Who signed a server's certificate, and until when it is valid."""

    issuer: str
    expires: datetime


@dataclass(frozen=True)
class ProbeResult:
    """What one GET of `url` at one `address` gave.

    `problem` says why that is no answer; None if it is one. `listening` is False where nothing took
    the connection. `maintenance`: the answer is the page that somebody has put up on purpose.
    """

    url: str
    address: str
    status: int | None
    seconds: float
    certificate: Certificate | None
    problem: str | None
    listening: bool = True
    maintenance: bool = False

    @property
    def ok(self) -> bool:
        return self.problem is None


def probe(
    url: str, address: str, *, https_port: int, ca_pem: str | None, clock: Clock | None = None
) -> ProbeResult:
    """GET `url` once at `address`:`https_port`. Never raises for what the other side does.

    `ca_pem` is the only root that is trusted; None or empty: the system's. Any status below 500 is
    an answer (a sign-in page's 401 too), save Traefik's own 404.
    """
    with Asker(url, address, https_port, ca_pem, clock=clock or SystemClock()) as asker:
        return ask(asker)


class Asker:
    """Asks one URL at one address, again and again, over connections that are kept.

    `headers` go with every request. Several threads may ask at once: each has a client of its own,
    since httpcore's pool now and then closes a connection that another thread has just been given
    (encode/httpcore, issue 1110), which would count as a request that the application lost.
    """

    def __init__(
        self,
        url: str,
        address: str,
        port: int,
        ca_pem: str | None,
        *,
        headers: Mapping[str, str] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.url, self.address, self.port = url, address, port
        self.clock = clock or SystemClock()
        self._context = ssl.create_default_context(cadata=ca_pem or None)
        self._headers = dict(headers or {})
        self._open = ExitStack()
        self._own = threading.local()

    @property
    def _client(self) -> httpx.Client:
        """This thread's."""
        if not hasattr(self._own, "client"):
            # The environment's proxies would not connect to the address that is asked about.
            self._own.client = self._open.enter_context(
                httpx.Client(
                    verify=self._context, timeout=PATIENCE, trust_env=False, headers=self._headers
                )
            )
        client: httpx.Client = self._own.client
        return client

    @property
    def name(self) -> str:
        return httpx.URL(self.url).host

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def get(self) -> tuple[httpx.Response, Certificate | None]:
        """One GET, and the certificate that it came with. Raises httpx.HTTPError."""
        asked = httpx.URL(self.url)
        request = self._client.build_request(
            "GET",
            asked.copy_with(host=self.address, port=self.port),
            headers={"Host": asked.host if self.port == 443 else f"{asked.host}:{self.port}"},
            extensions={"sni_hostname": asked.host},
        )
        response = self._client.send(request, stream=True)
        try:
            certificate = _certificate(response)
            response.read()
        finally:
            response.close()
        return response, certificate


def ask(asker: Asker) -> ProbeResult:
    """GET once. Never raises for what the other side does."""
    started = asker.clock.monotonic()
    status, certificate, listening, page = None, None, True, False
    try:
        response, certificate = asker.get()
        status, page = response.status_code, MAINTENANCE in response.headers
        problem = None if page else _problem(response, asker.name)
    except httpx.HTTPError as error:
        problem = _in_words(error, asker.name, asker.address, asker.port)
        listening = not _nobody(error)
    seconds = asker.clock.monotonic() - started
    return ProbeResult(
        asker.url, asker.address, status, seconds, certificate, problem, listening, page
    )


class Answer(Protocol):
    """What is known of one address: whether it answers, and whether it listens at all."""

    @property
    def ok(self) -> bool: ...

    @property
    def listening(self) -> bool: ...


def answered(results: Collection[Answer]) -> bool:
    """Whether whoever asks a name with these addresses gets an answer.

    Clients go on to a name's next address where nothing listens (RFC 8305): one that answers is
    enough, if each of the others answers as well or does not listen.
    """
    return any(result.ok for result in results) and all(
        result.ok or not result.listening for result in results
    )


def await_answer(
    url: str,
    addresses: Sequence[str],
    *,
    https_port: int,
    ca_pem: str | None,
    deadline: float = 120.0,
    clock: Clock | None = None,
    progress: Callable[[ProbeResult], None] = lambda _: None,
) -> list[ProbeResult]:
    """Wait until `url` is `answered` at `addresses`; give what each of them said.

    `progress` hears of each attempt that failed for another reason than the one before. Raises
    UnverifiedError with the last reasons after `deadline` seconds.
    """
    clock = clock or SystemClock()
    end = clock.monotonic() + deadline
    told: dict[str, str] = {}
    while True:
        results = [
            probe(url, address, https_port=https_port, ca_pem=ca_pem, clock=clock)
            for address in addresses
        ]
        if answered(results):
            return results
        failed = [result for result in results if result.problem]
        for result in failed:
            if told.get(result.address) != result.problem:
                progress(result)
                told[result.address] = result.problem or ""
        if clock.monotonic() >= end:
            raise UnverifiedError(
                f"{url} does not answer",
                where=", ".join(f"{result.address}:{https_port}" for result in failed),
                why="\n".join(result.problem or "" for result in failed),
                fix="see `beeyard status`; running the command again goes on from here",
            )
        clock.sleep(_POLL)


def _certificate(response: httpx.Response) -> Certificate | None:
    stream = response.extensions["network_stream"]
    der = stream.get_extra_info("ssl_object").getpeercert(True)  # noqa: FBT003
    return _read(der) if der else None


def _read(der: bytes) -> Certificate:
    certificate = x509.load_der_x509_certificate(der)
    issuer = certificate.issuer
    names = [
        str(attribute.value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        for attribute in issuer.get_attributes_for_oid(oid)
    ]
    return Certificate(
        issuer=names[0] if names else issuer.rfc4514_string(),
        expires=certificate.not_valid_after_utc,
    )


def _problem(response: httpx.Response, name: str) -> str | None:
    if response.status_code >= _SERVER_ERROR:
        reason = {502: ": Traefik reaches no task", 503: ": no healthy task", 504: ": too slow"}
        return f"it answers {response.status_code}{reason.get(response.status_code, '')}"
    if response.status_code == _NOT_FOUND and response.content == _NO_ROUTER:
        return f"Traefik knows no router for {name} (404): it may not have seen the service yet"
    return None


def _nobody(error: httpx.HTTPError) -> bool:
    return any(
        isinstance(cause, (ConnectionRefusedError, *_HUNG_UP)) for cause in causes(error)
    ) and not isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)


def _in_words(error: httpx.HTTPError, name: str, address: str, port: int) -> str:
    for cause in causes(error):
        if said := _said(cause, name, address, port):
            return said
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection to {address}:{port} within {PATIENCE:g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {PATIENCE:g} s"
    return str(error) or type(error).__name__


def _said(cause: BaseException, name: str, address: str, port: int) -> str | None:
    match cause:
        case ssl.SSLCertVerificationError():
            return _untrusted(cause, name, address, port)
        case ConnectionRefusedError():
            return f"connection refused: nothing listens at {address}:{port}"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError() | ConnectionResetError():
            return f"{address}:{port} closed the connection: nothing listens behind it"
        case ssl.SSLError():
            return f"no TLS connection: {cause.reason or cause}"
    return None


def _untrusted(error: ssl.SSLCertVerificationError, name: str, address: str, port: int) -> str:
    """Who signed what was not trusted, asked in a second handshake that carries nothing."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, port), timeout=PATIENCE) as plain,
            context.wrap_socket(plain, server_hostname=name) as secured,
        ):
            certificate = _read(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError) as again:
        return f"the certificate is not trusted: {error.verify_message} ({again})"
    if certificate.issuer == "TRAEFIK DEFAULT CERT":
        return f"{NO_CERTIFICATE} for {name} yet"
    if certificate.expires < datetime.now(UTC):
        return f"the certificate by {certificate.issuer} expired on {certificate.expires:%Y-%m-%d}"
    return f"the certificate by {certificate.issuer} is not trusted: {error.verify_message}"
