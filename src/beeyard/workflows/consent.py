"""What whoever runs `up` says yes to: nothing of a cluster goes or restarts that was not shown."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from beeyard.cloud.api import Account
from beeyard.cloud.nodes import restarts
from beeyard.cloud.terraform import Plan
from beeyard.config import ClusterSpec

#: Shows something and asks; raises Refused if the user does not want it.
Ask = Callable[[str], None]


@dataclass
class Consent:
    """Who is asked for it, and what was shown. Safe for use by several threads.

    make     asked before something is made or changed
    destroy  asked before something goes, is made anew or restarts
    """

    make: Ask
    destroy: Ask
    _shown: set[str] = field(default_factory=set)
    _one: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def by(cls, ask: Ask) -> Self:
        """Asked for either by the same."""
        return cls(ask, ask)

    def to_plans(self, spec: ClusterSpec, account: Account, plans: Mapping[str, Plan]) -> None:
        """To all that these plans would change, if anything. Raises Refused."""
        if not any(plan.pending for plan in plans.values()):
            return
        losses = _losses(plans)
        (self.destroy if losses else self.make)(describe_changes(spec, account, plans))
        self._shown.update(losses)

    def to_losses(self, plans: Mapping[str, Plan]) -> None:
        """To what these would destroy or restart and none that was shown before would. Raises
        Refused."""
        self._to(_losses(plans))

    def to_removals(self, where: str, services: Sequence[str]) -> None:
        """To services of the Swarm that are removed, each or as a whole stack. Raises Refused."""
        self._to([f"{where}: remove {service}" for service in services])

    def _to(self, losses: Sequence[str]) -> None:
        with self._one:
            new = [one for one in losses if one not in self._shown]
            if new:
                self.destroy("\n".join(new))
                self._shown.update(new)


def _losses(plans: Mapping[str, Plan]) -> list[str]:
    return [f"{project}: {loss}" for project, plan in plans.items() for loss in _losses_of(plan)]


def _losses_of(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        action = "restart" if restarts(change) else change.action
        if action in ("restart", "replace", "delete"):
            yield f"{action} {change.address}"


def describe(spec: ClusterSpec, account: Account) -> str:
    """What will be made, where, in a few lines: for whoever has to say yes."""
    lines = [
        f"account {account.id} ({account.arn}), region {spec.region}",
        (
            f"{_many(spec.managers.count, 'manager')} ({spec.managers.type}), "
            f"{_many(spec.workers.count, 'worker')} ({spec.workers.type}), "
            f"in {len(spec.zones)} zones of a VPC {spec.vpc_cidr}"
        ),
        f"{_many(spec.managers.count, 'elastic IP')}, an encrypted EFS",
    ]
    if spec.workers.egress == "nat":
        lines.append("a NAT gateway in every zone")
    if spec.database:
        size = f"{spec.database.instance_class}, {spec.database.storage_gib} GiB"
        spread = "Multi-AZ" if spec.database.multi_az else "one zone"
        lines.append(f"a {spec.database.engine} database on RDS ({size}, {spread})")
    if spec.dns:
        lines.append(f"records for {spec.domain} and *.{spec.domain} in zone {spec.dns.zone}")
    return "\n".join(lines)


def describe_changes(spec: ClusterSpec, account: Account, plans: Mapping[str, Plan]) -> str:
    """What will be changed of a cluster that is there, each thing that is destroyed, and each node
    that is restarted, by its name."""
    lines = [f"account {account.id} ({account.arn}), region {spec.region}"]
    for project, plan in plans.items():
        if plan.pending:
            lines.append(f"{project}: {plan}")
            lines.extend(f"  {loss}" for loss in _losses_of(plan))
    return "\n".join(lines)


def _many(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
