"""What the playbooks left on the first manager for others to read."""

import pytest

from beeyard.errors import HostError
from beeyard.provision.facts import skipped
from beeyard.testing import FakeRunner

READ = ("cat", "/etc/beeyard/skipped.json")


def test_services_that_do_not_run_and_why() -> None:
    runner = FakeRunner().expect(*READ, stdout='{"portainer": "image not available"}')
    assert skipped(runner) == {"portainer": "image not available"}


def test_before_the_first_playbook_none_is_left_out() -> None:
    said = "cat: /etc/beeyard/skipped.json: No such file or directory"
    assert skipped(FakeRunner().expect(*READ, code=1, stderr=said)) == {}


def test_not_being_able_to_look_is_not_nothing() -> None:
    runner = FakeRunner().expect(*READ, code=255, stderr="Connection closed by 10.20.1.11")
    with pytest.raises(HostError) as caught:
        skipped(runner)
    assert caught.value.why == "Connection closed by 10.20.1.11"
