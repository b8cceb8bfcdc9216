"""What a Terraform plan does to nodes that are there. Pure."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from beeyard.cloud.outputs import Node, Outputs
from beeyard.cloud.terraform import Change, Plan

#: The project that makes the nodes.
PROJECT = "swarm_cluster"
_NODE = re.compile(r'module\.swarm_cluster\.aws_instance\.node\["([^"]+)"\]')
#: What of an instance the provider changes by stopping and starting it. Source: the provider's
#: documentation, `aws_instance`, where each of these "will trigger a stop/start".
_STOPPED_FOR = {"instance_type", "user_data", "ebs_optimized", "cpu_options"}


@dataclass(frozen=True)
class Turnover:
    """Nodes, by name, that leave for good, that are made anew, and that are stopped and started;
    and those that have no machine yet, or have none any more."""

    leaving: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    @property
    def touched(self) -> tuple[str, ...]:
        """Those that are there and do not stay as they are."""
        return (*self.leaving, *self.replaced, *self.restarted)

    def __bool__(self) -> bool:
        return bool(self.touched)


def address_of(node: str) -> str:
    """A node's instance, as Terraform calls it."""
    return f'module.swarm_cluster.aws_instance.node["{node}"]'


def addresses_of(manager: str) -> tuple[str, ...]:
    """A manager's instance, and what of it is made anew with it: its public address's place."""
    association = f'module.swarm_cluster.aws_eip_association.manager["{manager}"]'
    return (address_of(manager), association)


def turnover(plan: Plan) -> Turnover:
    """What the plan of `swarm_cluster` does to nodes that are there."""
    return Turnover(
        leaving=tuple(_names(plan, lambda change: change.action == "delete")),
        replaced=tuple(_names(plan, lambda change: change.action == "replace")),
        restarted=tuple(_names(plan, restarts)),
        absent=tuple(_names(plan, lambda change: change.action == "create")),
    )


def stopped(outputs: Outputs, states: Mapping[str, str]) -> tuple[Node, ...]:
    """The nodes whose instances are stopped, or about to be. `states`: by the instances' IDs."""
    return tuple(
        node for node in outputs.nodes if states.get(node.instance_id) in ("stopping", "stopped")
    )


def restarts(change: Change) -> bool:
    """Whether an instance is stopped and started for it."""
    return change.action == "update" and bool(_STOPPED_FOR & set(change.attributes))


def _names(plan: Plan, wanted: Callable[[Change], bool]) -> Iterator[str]:
    for change in plan.changes:
        found = _NODE.fullmatch(change.address)
        if found and wanted(change):
            yield found[1]
