"""Do the cluster's names lead to it? Asked of the DNS, with a deadline."""

from collections.abc import Callable

import dns.exception
import dns.resolver

from beeyard.cloud.outputs import Outputs, Record
from beeyard.errors import UnverifiedError
from beeyard.waiting import Clock, Timeout, wait_until

#: Seconds to wait for records that a person has to make.
DEADLINE = 1800.0
#: A name below the wildcard that nobody has asked for, so that no cache holds a "no" for it.
_PROBE = "beeyard-check"


def await_records(
    outputs: Outputs, clock: Clock, say: Callable[[str], None], deadline: float = DEADLINE
) -> None:
    """Return once every record answers with addresses of the managers.

    Inside the VPC a public name is answered with the private address, so either will do. Raises
    UnverifiedError with the records to make.
    """
    ours = {node.private_ip for node in outputs.managers} | set(outputs.ingress.addresses)
    missing: list[Record] = []

    def answered() -> bool:
        missing[:] = [r for r in outputs.records if not _leads_to(r, ours, outputs)]
        return not missing

    if answered():
        return
    say("make these records where your domain is kept:")
    for line in as_lines(outputs.records):
        say(line)
    try:
        wait_until(answered, clock=clock, deadline=deadline, interval=5.0)
    except Timeout:
        raise UnverifiedError(
            f"{outputs.domain} does not lead to this cluster",
            where=", ".join(record.name for record in missing),
            why=f"no answer with {', '.join(sorted(outputs.ingress.addresses))} "
            f"within {deadline / 60:.0f} minutes",
            fix="make these records, then run this again:\n" + "\n".join(as_lines(missing)),
        ) from None


def as_lines(records: tuple[Record, ...] | list[Record]) -> list[str]:
    """The records as a person would type them in."""
    return [f"{record.name} {record.type} {' '.join(record.values)}" for record in records]


def _leads_to(record: Record, ours: set[str], outputs: Outputs) -> bool:
    found = _lookup(record.name.replace("*", _PROBE, 1), outputs.ingress.resolver)
    return bool(found) and found <= ours


def _lookup(name: str, resolver: str | None) -> set[str]:
    asker = dns.resolver.Resolver(configure=resolver is None)
    if resolver is not None:
        asker.nameservers = [resolver]
    asker.lifetime = 5.0
    try:
        return {entry.to_text() for entry in asker.resolve(name, "A", search=False)}
    except dns.exception.DNSException:
        return set()
