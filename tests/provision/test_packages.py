"""What apt says there is to upgrade, and what becomes of it."""

import pytest

from beeyard.errors import HostError
from beeyard.provision.packages import Package, is_interrupted, pending, read, upgrade
from beeyard.testing import FakeRunner

SAID = """\
Reading package lists...
The following packages will be upgraded:
  docker.io libc6
Inst libc6 [2.36-9] (2.36-10 Debian:12.9/stable [amd64]) []
Inst docker.io [20.10.24+dfsg1-1+b3] (20.10.24+dfsg1-1+b4 Debian:12.9/stable [amd64])
Inst linux-image-6.1.0-30-amd64 (6.1.124-1 Debian:12.9/stable [amd64])
Conf libc6 (2.36-10 Debian:12.9/stable [amd64])
"""


def test_what_is_upgraded_and_what_comes_along() -> None:
    assert read(SAID) == (
        Package("libc6", "2.36-9", "2.36-10"),
        Package("docker.io", "20.10.24+dfsg1-1+b3", "20.10.24+dfsg1-1+b4"),
        Package("linux-image-6.1.0-30-amd64", None, "6.1.124-1"),
    )


def test_sources_that_do_not_answer_are_no_nothing_to_do() -> None:
    with FakeRunner() as runner:
        runner.expect("apt-get", ..., code=100, stderr="Could not resolve 'deb.debian.org'")
        with pytest.raises(HostError, match="apt does not say what is new for worker-1") as caught:
            pending(runner, "worker-1")
    assert "deb.debian.org" in str(caught.value.why)


def test_a_failure_says_what_apt_said_last() -> None:
    with FakeRunner() as runner:
        runner.expect("systemd-run", ..., code=100)
        runner.expect("journalctl", ..., stdout="E: dpkg was interrupted\n")
        with pytest.raises(HostError, match="could not be upgraded") as caught:
            upgrade(runner, "worker-1")
    assert caught.value.why == "E: dpkg was interrupted"


@pytest.mark.parametrize(("said", "is_so"), [("", False), ("docker.io half-installed\n", True)])
def test_dpkg_that_was_stopped_midway_is_noticed(said: str, *, is_so: bool) -> None:
    with FakeRunner() as runner:
        runner.expect("dpkg", "--audit", stdout=said)
        assert is_interrupted(runner) is is_so
