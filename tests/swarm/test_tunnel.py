"""The tunnel's words where there is no engine at its other end."""

from pathlib import Path

import pytest

from beeyard.errors import SwarmError
from beeyard.swarm import Tunnel
from beeyard.testing import FakeClock, FakeRunner


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.",
            "manager-1 shows another SSH host key than before",
        ),
        ("Host key verification failed.", "the SSH host key of manager-1 is not known"),
        (
            "admin@10.20.1.4: Permission denied (publickey).",
            "manager-1 did not accept the SSH key",
        ),
        (
            "ssh: connect to host 10.20.1.4 port 22: Connection refused",
            "manager-1 refuses SSH connections",
        ),
        (
            "ssh: connect to host 10.20.1.4 port 22: Connection timed out",
            "manager-1 does not answer on its SSH port",
        ),
        ("something new", "the Docker engine of manager-1 can't be reached over SSH"),
    ],
)
def test_why_ssh_ended(said: str, what: str) -> None:
    ssh = FakeRunner().expect("ssh", ..., stderr=said, code=255)
    with (
        ssh,
        pytest.raises(SwarmError) as caught,
        Tunnel(ssh, Path("cfg"), "manager-1", clock=FakeClock()),
    ):
        pass
    assert caught.value.what == what
    assert caught.value.why == said
    assert caught.value.fix
    assert caught.value.where == "ssh -F cfg manager-1"
    assert ssh.running[0].stopped


def test_a_silent_ssh_ends_at_the_deadline_and_is_stopped() -> None:
    ssh = FakeRunner().expect("ssh", ...)
    clock = FakeClock()
    with (
        pytest.raises(SwarmError) as caught,
        Tunnel(ssh, Path("cfg"), "manager-1", deadline=5, clock=clock),
    ):
        pass
    assert caught.value.why == "nothing answered within 5 s"
    assert 5 <= clock.monotonic() < 6
    assert ssh.running[0].stopped


def test_its_connection_is_its_own() -> None:
    ssh = FakeRunner().expect("ssh", ..., code=255)
    with pytest.raises(SwarmError), Tunnel(ssh, Path("cfg"), "m", clock=FakeClock()):
        pass
    argv = list(ssh.calls[0].argv)
    assert argv[:3] == ["ssh", "-F", "cfg"]
    assert "ControlPath=none" in argv
    assert argv[-3].endswith(":/var/run/docker.sock")


def test_it_ends_with_us_however_we_end() -> None:
    ssh = FakeRunner().expect("ssh", ..., code=255)
    with pytest.raises(SwarmError), Tunnel(ssh, Path("cfg"), "m", clock=FakeClock()):
        pass
    assert ssh.calls[0].tied
    assert ssh.calls[0].argv[-1] == "cat"


def test_a_client_outside_of_the_block_is_refused() -> None:
    with pytest.raises(RuntimeError, match="not open"):
        _ = Tunnel(FakeRunner(), Path("cfg"), "m").client


@pytest.mark.parametrize(
    ("state", "what"),
    [
        ("forbidden", "may not use the Docker socket of m"),
        ("absent", "m has no Docker socket at /var/run/docker.sock"),
        ("unanswered", "the Docker engine of m does not run"),
    ],
)
def test_a_socket_that_sshd_cannot_open_is_looked_at_on_the_node(state: str, what: str) -> None:
    ssh = FakeRunner()
    ssh.expect("ssh", "-F", "cfg", "-o", ..., stderr="channel 1: open failed: connect failed: x")
    ssh.expect("ssh", "-F", "cfg", "-T", ..., stdout=f"socket: {state}\n")
    with (
        ssh,
        pytest.raises(SwarmError, match=what),
        Tunnel(ssh, Path("cfg"), "m", clock=FakeClock()),
    ):
        pass
