"""Ports of 127.0.0.1."""

import ipaddress
import os
import socket

import pytest

from beeyard.errors import SandboxError
from beeyard.sandbox import ports
from beeyard.sandbox.ports import Listener

HEAD = "sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode\n"


def listener(address: str, port: int) -> Listener:
    return Listener(ipaddress.ip_address(address), port, 1)


def test_the_tables_are_read() -> None:
    four = HEAD + "   0: 0100007F:0050 00000000:0000 0A 0:0 00:0 0 0 0 4711 1 0 100 0 0 10 0\n"
    six = HEAD + (
        "   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A"
        " 0:0 00:0 0 0 0 4712 1 0 100 0 0 10 0\n"
    )
    connected = HEAD + "   0: 0100007F:0050 0100007F:0051 01 0:0 00:0 0 0 0 1 1 0 100 0 0 10 0\n"
    assert ports.parse(four) == [Listener(ipaddress.ip_address("127.0.0.1"), 80, 4711)]
    assert ports.parse(six) == [Listener(ipaddress.ip_address("::"), 443, 4712)]
    assert ports.parse(connected) == []


def test_the_usual_ports_are_taken_where_both_are_free() -> None:
    assert ports.choose(None, None, []) == (80, 443)
    assert ports.choose(None, None, [listener("127.9.9.9", 80)]) == (80, 443)


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::", "::ffff:127.0.0.1"])
def test_else_the_next_pair(address: str) -> None:
    assert ports.choose(None, None, [listener(address, 443)]) == (8080, 8443)
    busy = [listener(address, 80), listener(address, 8443)]
    assert ports.choose(None, None, busy) == (8081, 8444)


def test_other_sandboxes_ports_are_left_to_them() -> None:
    assert ports.choose(None, None, [], reserved=[80, 443]) == (8080, 8443)


def test_one_port_may_be_asked_for() -> None:
    assert ports.choose(9000, None, []) == (9000, 443)


def test_a_port_that_is_taken_names_its_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(SandboxError) as caught:
            ports.choose(port, None, ports.listeners())
    assert caught.value.what == f"port {port} of 127.0.0.1 is taken"
    assert f"process {os.getpid()} (" in (caught.value.why or "")


def test_the_same_port_twice_is_refused() -> None:
    with pytest.raises(SandboxError, match="both HTTP and HTTPS"):
        ports.choose(9000, 9000, [])
