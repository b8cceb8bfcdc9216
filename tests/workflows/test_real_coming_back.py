"""A node whose engine is in the Swarm, by its own word, and which the Swarm calls down."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beeyard.errors import HostError
from beeyard.process import Command
from beeyard.swarm import Manager
from beeyard.waiting import SystemClock, wait_until
from beeyard.workflows import coming_back
from beeyard.workflows.coming_back import bring_back
from beeyard.workflows.hosts import Hosts
from cloud.example import outputs
from workflows.hosts_of import hosts_of

pytestmark = [pytest.mark.real, pytest.mark.slow(2)]

_NODE = "worker-2"
_RULE = "OUTPUT -p tcp --dport 2377 -j DROP"
#: What only another start of the engine ends, as a session that its manager has given up.
_CUT_UNTIL_IT_STARTS = f"""
set -e
mkdir -p /run/systemd/system/docker.service.d
cd /run/systemd/system/docker.service.d
printf '[Service]\\nExecStartPre=iptables -D {_RULE}\\n' > cut.conf
systemctl daemon-reload
iptables -I {_RULE}
"""
_STARTS_NO_MORE = """
printf '[Service]\\nExecStartPre=false\\n' > /run/systemd/system/docker.service.d/no-more.conf
systemctl daemon-reload
"""
_UNCUT = f"""
rm -rf /run/systemd/system/docker.service.d
systemctl daemon-reload
while iptables -D {_RULE} 2>/dev/null; do :; done
systemctl reset-failed docker.service
systemctl start docker.service
"""


@pytest.fixture
def hosts(real_swarm: Any, make_cluster: Any, tmp_path: Path) -> Hosts:
    cluster = replace(make_cluster(), clock=SystemClock())
    # These nodes have none.
    seen = replace(outputs(), shared_files=None)
    return hosts_of(cluster, seen, tmp_path, real_swarm.ssh_config)


@pytest.fixture
def cut_off(real_swarm: Any, manager: Manager) -> Iterator[None]:
    node = real_swarm.on(_NODE)
    node.run(Command(["sh", "-c", _CUT_UNTIL_IT_STARTS]))
    try:
        _await(manager, "down")
        yield
    finally:
        node.run(Command(["sh", "-c", _UNCUT]))
        _await(manager, "ready")


def _await(manager: Manager, state: str) -> None:
    wait_until(
        lambda: state in {one.state for one in manager.snapshot().nodes if one.name == _NODE},
        clock=SystemClock(),
        deadline=120.0,
    )


@pytest.mark.usefixtures("cut_off")
def test_its_engine_is_started_anew(
    hosts: Hosts, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coming_back, "SIGNED_IN", 3.0)
    assert bring_back(hosts.cluster, hosts, [_NODE]) == 1
    _await(manager, "ready")


@pytest.mark.usefixtures("cut_off")
def test_if_that_does_not_help_it_is_said(
    hosts: Hosts, real_swarm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the way stays there."""
    real_swarm.on(_NODE).run(Command(["iptables", "-I", *_RULE.split()]))
    monkeypatch.setattr(coming_back, "SIGNED_IN", 3.0)
    monkeypatch.setattr(coming_back, "BACK", 10.0)
    with pytest.raises(HostError) as caught:
        bring_back(hosts.cluster, hosts, [_NODE])
    assert caught.value.what == f"{_NODE} does not come back"
    assert caught.value.why == "the Swarm calls it down"


@pytest.mark.usefixtures("cut_off")
def test_why_its_engine_does_not_start_again_is_said(
    hosts: Hosts, real_swarm: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_swarm.on(_NODE).run(Command(["sh", "-c", _STARTS_NO_MORE]))
    monkeypatch.setattr(coming_back, "SIGNED_IN", 3.0)
    with pytest.raises(HostError) as caught:
        bring_back(hosts.cluster, hosts, [_NODE])
    assert caught.value.what == f"the engine of {_NODE} does not start again"
    assert "docker.service" in str(caught.value.why)
