"""Placement constraints, as swarmkit reads them."""

import pytest

from beeyard.swarm.placement import allows

NODE = {
    "ID": "abc123",
    "Spec": {"Role": "worker", "Labels": {"Zone": "us-east-1a"}},
    "Description": {
        "Hostname": "worker-1",
        "Platform": {"OS": "linux", "Architecture": "x86_64"},
        "Engine": {"Labels": {"disk": "ssd"}},
    },
    "Status": {"Addr": "10.20.1.5"},
}


@pytest.mark.parametrize(
    ("constraint", "holds"),
    [
        ("node.role == worker", True),
        ("node.role==manager", False),
        ("node.role != manager", True),
        ("node.id == ABC123", True),
        ("node.hostname == worker-1", True),
        ("node.labels.Zone == us-east-1a", True),
        ("node.labels.Zone != us-east-1b", True),
        ("node.labels.zone == us-east-1a", False),
        ("node.labels.absent != anything", True),
        ("engine.labels.disk == SSD", True),
        ("node.platform.arch == x86_64", True),
        ("engine.labels.disk != ssd", False),
        ("NODE.Role==Worker", True),
        ("NODE.LABELS.Zone == us-east-1A", True),
        ("node.ip == 10.20.1.5", True),
        ("node.ip == 10.20.0.0/16", True),
        ("node.ip != 10.20.0.0/16", False),
        ("node.ip != 10.21.0.0/16", True),
        ("node.ip != nonsense", False),
        ("node.nonsense == x", False),
        ("node.nonsense != x", False),
    ],
)
def test_one_constraint(constraint: str, holds: bool) -> None:
    assert allows([constraint], NODE) is holds


def test_all_must_hold() -> None:
    assert not allows(["node.role == worker", "node.hostname == worker-2"], NODE)
    assert allows([], NODE)


@pytest.mark.parametrize(
    "text", ["node.role = worker", "node.role", "node.role ==", "== worker", "node.role != a==b"]
)
def test_what_is_no_constraint_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"`{text}` is no placement constraint"):
        allows([text], NODE)
