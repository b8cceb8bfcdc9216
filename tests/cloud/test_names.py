"""Whether the cluster's names lead to it, asked of a real DNS server on loopback."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from beeyard.cloud import Outputs
from beeyard.cloud.names import as_lines, await_records
from beeyard.errors import UnverifiedError, render
from beeyard.testing import FakeClock
from cloud.example import outputs

APEX, WILDCARD = "shop.example.com", "*.shop.example.com"
OURS = "198.51.100.1"
TO_MAKE = [f"{APEX} A {OURS}", f"{WILDCARD} A {OURS}"]


class DnsServer:
    """Answers questions for A over UDP from `records`; a name without one does not exist."""

    def __init__(self) -> None:
        self.records: dict[str, list[str]] = {}
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        self._socket.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            data, client = self._socket.recvfrom(4096)
            if not data:
                return
            self._socket.sendto(self._answer(dns.message.from_wire(data)).to_wire(), client)

    def _answer(self, query: dns.message.Message) -> dns.message.Message:
        name = query.question[0].name
        text = name.to_text(omit_final_dot=True)
        self.asked.append(text)
        wildcard = "*." + text.partition(".")[2]
        found = self.records.get(text, self.records.get(wildcard, []))
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if found:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "A", *found))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[DnsServer]:
    """On a port of its own: 53 is the privileged user's."""
    server = DnsServer()

    class OnThatPort(dns.resolver.Resolver):
        def reset(self) -> None:
            super().reset()
            self.port = server.port

    monkeypatch.setattr(dns.resolver, "Resolver", OnThatPort)
    yield server
    server.close()


@pytest.fixture
def cluster() -> Outputs:
    seen = outputs()
    return replace(seen, ingress=replace(seen.ingress, resolver="127.0.0.1"))


def test_records_that_are_there_are_not_waited_for(server: DnsServer, cluster: Outputs) -> None:
    server.records = {APEX: [OURS], WILDCARD: [OURS]}
    clock, said = FakeClock(), list[str]()

    await_records(cluster, clock, said.append)

    assert (clock.slept, said) == ([], [])
    # The wildcard is asked for by a name that nothing else is called by.
    assert server.asked == [APEX, "beeyard-check.shop.example.com"]


def test_inside_the_vpc_private_addresses_answer(server: DnsServer, cluster: Outputs) -> None:
    server.records = {APEX: ["10.20.1.11"], WILDCARD: [OURS, "10.20.1.11"]}
    clock = FakeClock()
    await_records(cluster, clock, lambda _: None)
    assert clock.slept == []


def test_what_has_to_be_made_is_said_and_then_waited_for(
    server: DnsServer, cluster: Outputs
) -> None:
    server.records = {APEX: [OURS]}
    said: list[str] = []

    class Person(FakeClock):
        """Makes the missing record once it was asked for three times."""

        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.slept) == 3:
                server.records[WILDCARD] = [OURS]

    clock = Person()
    await_records(cluster, clock, said.append)

    assert said == ["make these records where your domain is kept:", *TO_MAKE]
    assert clock.slept == [5.0, 5.0, 5.0]


def test_the_deadline_names_what_is_missing(server: DnsServer, cluster: Outputs) -> None:
    server.records = {APEX: [OURS]}
    clock = FakeClock()

    with pytest.raises(UnverifiedError) as caught:
        await_records(cluster, clock, lambda _: None, deadline=60.0)

    assert clock.monotonic() == 60.0
    assert render(caught.value) == (
        "error: shop.example.com does not lead to this cluster\n"
        "  where: *.shop.example.com\n"
        "  why:   no answer with 198.51.100.1 within 1 minutes\n"
        "  do:    make these records, then run this again:\n"
        "         *.shop.example.com A 198.51.100.1"
    )


@pytest.mark.parametrize("found", [["203.0.113.99"], [OURS, "203.0.113.99"]])
def test_an_answer_that_leads_elsewhere_is_none(
    server: DnsServer, cluster: Outputs, found: list[str]
) -> None:
    """Not even if only some of its addresses do: a share of the users would go astray."""
    server.records = {APEX: found, WILDCARD: [OURS]}
    with pytest.raises(UnverifiedError) as caught:
        await_records(cluster, FakeClock(), lambda _: None, deadline=5.0)
    assert caught.value.where == APEX


def test_records_as_a_person_types_them() -> None:
    assert as_lines(outputs().records) == TO_MAKE
