"""The tunnel and the snapshot, against real nodes."""

from pathlib import Path
from typing import Any

import pytest

from beeyard.errors import SwarmError
from beeyard.process import Command, LocalRunner
from beeyard.swarm import Manager, Tunnel, converged

pytestmark = pytest.mark.real

LOCAL = LocalRunner()


def test_the_snapshot_says_what_nodes_there_are(real_swarm: Any, manager: Manager) -> None:
    seen = manager.snapshot()

    assert [(node.name, node.role, node.state) for node in seen.nodes] == [
        ("manager-1", "manager", "ready"),
        ("worker-1", "worker", "ready"),
        ("worker-2", "worker", "ready"),
    ]
    assert [node.leader for node in seen.nodes] == [True, False, False]
    assert [node.address for node in seen.nodes] == real_swarm.addresses
    assert all(node.resources.memory > 2**28 for node in seen.nodes)
    assert not seen.capabilities.ipvs
    assert "ingress" in [network.name for network in seen.networks]
    assert converged(seen) == []


def tunnels(swarm: Any) -> list[str]:
    """Command lines of the ssh processes that run for this Swarm now."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if line.startswith("ssh ") and str(swarm.ssh_config) in line and " -L " in line:
            found.append(line)
    return found


def test_the_process_goes_with_the_tunnel(real_swarm: Any) -> None:
    others = len(tunnels(real_swarm))

    def interrupted() -> None:
        with real_swarm.tunnel() as tunnel:
            assert tunnel.client.ping()
            assert len(tunnels(real_swarm)) == others + 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(tunnels(real_swarm)) == others


def test_a_socket_that_the_user_may_not_use_is_refused_in_words(real_swarm: Any) -> None:
    with (
        pytest.raises(SwarmError, match="may not use the Docker socket of manager-1"),
        real_swarm.tunnel(socket="/run/containerd/containerd.sock"),
    ):
        pass


def test_an_engine_that_is_not_there_is_said(real_swarm: Any) -> None:
    with (
        pytest.raises(SwarmError, match="has no Docker socket at /run/absent"),
        real_swarm.tunnel(socket="/run/absent"),
    ):
        pass


def test_another_host_key_than_before_stops_everything(real_swarm: Any, tmp_path: Path) -> None:
    LOCAL.run(Command(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "k")]))
    public = " ".join((tmp_path / "k.pub").read_text().split()[:2])
    known = tmp_path / "known_hosts"
    known.write_text(f"{real_swarm.addresses[0]} {public}\n")
    config = tmp_path / "ssh_config"
    config.write_text(f"UserKnownHostsFile {known}\nInclude {real_swarm.ssh_config}\n")
    with (
        pytest.raises(SwarmError, match="shows another SSH host key") as caught,
        Tunnel(LOCAL, config, "manager-1"),
    ):
        pass
    assert str(known) in str(caught.value.why)


def test_a_worker_says_that_it_is_no_manager(real_swarm: Any) -> None:
    with real_swarm.tunnel("worker-1") as tunnel, pytest.raises(SwarmError) as caught:
        Manager(tunnel.client).snapshot()
    assert "not a swarm manager" in str(caught.value.why)
