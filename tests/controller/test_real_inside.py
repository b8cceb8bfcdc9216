"""The controller's ways into its cluster, on real nodes: any manager will do."""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beeyard.controller.inside import Inside
from beeyard.errors import CloudError, render
from beeyard.process import Command, LocalRunner
from cloud.example import MANAGER, outputs, spec

pytestmark = pytest.mark.real

ECR = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


@pytest.fixture
def inside(real_swarm: Any) -> Iterator[Inside]:
    # Sockets' paths have to be short.
    with tempfile.TemporaryDirectory() as folder:
        made = _inside(real_swarm, Path(folder))
        yield made
        config = Path(folder) / "provision" / "ssh_config"
        LocalRunner().run(
            Command(["ssh", "-F", str(config), "-O", "exit", "manager-2"]), check=False
        )


def _inside(real_swarm: Any, folder: Path) -> Inside:
    """Of two managers, the first of which is not there."""
    addresses = {"manager-1": "127.0.0.2", "manager-2": real_swarm.addresses[0]}
    managers = tuple(
        replace(MANAGER, name=name, private_ip=at, ssh_address=at) for name, at in addresses.items()
    )
    key = real_swarm.on("manager-1").run(Command(["cat", "/etc/ssh/ssh_host_ed25519_key.pub"]))
    return Inside(
        spec(
            registry={"kind": "external", "host": f"{ECR}/team"},
            applications={"shop": {"path": "."}},
        ),
        outputs(nodes=managers),
        443,
        (f"{MANAGER.instance_id} {key.stdout.strip()}",),
        real_swarm.folder / "key",
        folder,
    )


def test_a_manager_that_is_gone_is_passed_over(inside: Inside) -> None:
    with inside.swarm() as manager:
        assert {node.name for node in manager.snapshot().nodes} >= {"manager-1", "worker-1"}


def test_without_rights_it_is_said_in_words(inside: Inside) -> None:
    """These nodes have no metadata service: the last manager's answer is what is told."""
    assert inside.auth is not None
    assert inside.cluster("shop", Path(), lambda _: None).ending_auth is inside.auth
    with pytest.raises(CloudError) as caught:
        inside.auth.credentials()
    said = render(caught.value)
    assert said.startswith(
        f"error: there is no sign-in to {ECR}\n  why:   the manager has no rights in AWS: curl: ("
    )
    assert "`beeyard up`" in said
