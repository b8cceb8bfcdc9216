"""What plans do to nodes that are there."""

import pytest

from beeyard.cloud.nodes import Turnover, address_of, restarts, turnover
from beeyard.cloud.terraform import Change, Plan


def plan(*changes: Change) -> Plan:
    return Plan("swarm_cluster", changes, pending=True)


def test_nodes_that_leave_are_made_anew_or_restarted() -> None:
    found = turnover(
        plan(
            Change(address_of("worker-3"), "delete"),
            Change(address_of("worker-1"), "replace"),
            Change(address_of("worker-2"), "update", ("instance_type", "tags")),
            Change(address_of("worker-4"), "create"),
        )
    )
    assert found == Turnover(("worker-3",), ("worker-1",), ("worker-2",), ("worker-4",))


@pytest.mark.parametrize(
    "change",
    [
        Change(address_of("worker-1"), "update", ("tags", "tags_all")),
        Change(address_of("worker-1"), "create"),
        Change("module.swarm_cluster.aws_security_group.node", "replace"),
        Change('module.network.aws_instance.node["worker-1"]', "delete"),
    ],
)
def test_of_other_changes_nodes_notice_nothing(change: Change) -> None:
    assert not turnover(plan(change))
    assert not restarts(change)
