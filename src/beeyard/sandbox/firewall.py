"""Security groups, enforced: rules for nftables on this machine, around every address of the VPC
that has groups. Nothing of it is on a node, and no node can change it.

A packet has to be let out by the groups of who sends it, and in by the groups of who gets it.
Answers pass by themselves. Source: Amazon VPC user guide, "Security groups".
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.resources import files

from beeyard.process import Command, Runner
from beeyard.sandbox.container import Container
from beeyard.sandbox.spec import METADATA_ADDRESS, Addresses
from beeyard.sandbox.state import Problem
from beeyard.sandbox.world import Rule, SecurityGroup

THING = "firewall"
_DEADLINE = 40.0

_PORTS = {"tcp": "tcp", "6": "tcp", "udp": "udp", "17": "udp"}
_ICMP = {"icmp", "1"}
_EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Guarded:
    """What has an address in the VPC, and groups. `thing` is unique in the sandbox."""

    thing: str
    address: str
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Firewall:
    """All rules. Where an address is not guarded, groups have no say: the way out of the VPC, and
    the sandbox's own services, which stand for what is elsewhere."""

    addresses: Addresses
    guarded: tuple[Guarded, ...] = ()
    groups: tuple[SecurityGroup, ...] = ()

    def render(self, table: str) -> str:
        """The whole table for `nft --file`, which takes the place of the one that is there."""
        body = "\n".join(_indented(self._body()))
        # A table that is not there can't be deleted: it is made first.
        head = f"table ip {table} {{\n    flags owner\n}}\ndelete table ip {table}\n"
        version = hashlib.sha256(body.encode()).hexdigest()[:16]
        chain = f"    chain v_{version} {{\n    }}\n"
        return f"{head}table ip {table} {{\n    flags owner\n{chain}{body}\n}}\n"

    def _body(self) -> Iterator[str]:
        used = {name for one in self.guarded for name in one.groups}
        groups = [group for group in self.groups if group.id in used]
        # A group may have been made after the groups were asked for: the next look knows it.
        known = {group.id for group in groups}
        rules = [rule for group in groups for rule in (*group.ingress, *group.egress)]
        for name in sorted({name for rule in rules for name in rule.groups}):
            yield from self._members(name)
        # nft reads from top to bottom: a chain has to be there before another leads to it.
        for group in groups:
            yield from _chain(f"in_{_word(group.id)}", _accepting(group.ingress, "saddr", "accept"))
        for one in self.guarded:
            leads = [f"jump in_{_word(name)}" for name in one.groups if name in known]
            yield from _chain(f"to_{_word(one.thing)}", [*leads, "drop"])
        yield from _chain("arriving", [*self._each("daddr", "to"), "accept"])
        for group in groups:
            lines = _accepting(group.egress, "daddr", "goto arriving")
            yield from _chain(f"out_{_word(group.id)}", lines)
        for one in self.guarded:
            leads = [f"jump out_{_word(name)}" for name in one.groups if name in known]
            yield from _chain(f"from_{_word(one.thing)}", [*leads, "drop"])
        yield from self._hooks()

    def _hooks(self) -> Iterator[str]:
        # Resolver and metadata are the VPC's own: no group keeps an instance from them.
        free = f"ip daddr {{ {METADATA_ADDRESS}, {self.addresses.resolver} }} accept"
        answers = "ct state established,related accept"
        yield from _chain("leaving", [answers, free, *self._each("saddr", "from"), "goto arriving"])
        network = self.addresses.network
        for hook, lines in (
            ("forward", [f"ip saddr {network} goto leaving", f"ip daddr {network} goto leaving"]),
            ("input", [f"ip saddr {network} goto leaving"]),
            ("output", [f"ip daddr {network} goto leaving"]),
        ):
            # Before Docker's own, which may accept: what is dropped here has come to its end.
            place = f"type filter hook {hook} priority filter - 10; policy accept;"
            yield from _chain(hook, [place, *lines])

    def _each(self, side: str, chain: str) -> list[str]:
        leads = [f"{one.address} : goto {chain}_{_word(one.thing)}" for one in self.guarded]
        return [f"ip {side} vmap {{ {', '.join(leads)} }}"] if leads else []

    def _members(self, group: str) -> Iterator[str]:
        addresses = [one.address for one in self.guarded if group in one.groups]
        yield f"set members_{_word(group)} {{"
        yield "    type ipv4_addr"
        if addresses:
            yield f"    elements = {{ {', '.join(addresses)} }}"
        yield "}"


def container(image: str, addresses: Addresses) -> Container:
    """nft on this machine's own network, with the right to change its filter."""
    return Container(
        thing=THING,
        kind="service",
        image=image,
        address=None,
        argv=("/bin/sh", "-c", _script("firewall.sh")),
        environment={"GATEWAY": addresses.gateway},
        capabilities=("NET_ADMIN",),
    )


def apply(runner: Runner, sandbox: str, wanted: Firewall) -> tuple[Problem, ...]:
    """Put the rules in force. `runner` runs in the firewall's container.

    Gives what is not enforced all the same. Raises CommandFailed if nft does not take them.
    """
    table = f"beeyard_{_word(sandbox)}"
    text = wanted.render(table)
    version = text.partition("chain v_")[2].partition(" ")[0]
    argv = ["/bin/sh", "-c", _script("firewall-apply.sh"), "firewall-apply", table, version]
    done = runner.run(Command(argv, input=text.encode(), timeout=_DEADLINE))
    if "unbridged" not in done.stdout:
        return ()
    why = "this machine's kernel does not show its filter what is bridged (`modprobe br_netfilter`)"
    return (Problem("security groups are not enforced between the VPC's own addresses", why),)


def _accepting(rules: Iterable[Rule], side: str, verdict: str) -> list[str]:
    """One line for each source (`saddr`) or destination (`daddr`) of each rule."""
    lines = []
    for rule in rules:
        what = _protocol(rule)
        if what is None:
            continue
        ends = ["" if block == _EVERYWHERE else f"ip {side} {block}" for block in rule.blocks]
        ends += [f"ip {side} @members_{_word(group)}" for group in rule.groups]
        lines += [" ".join(filter(None, (end, what, verdict))) for end in ends]
    return lines


def _protocol(rule: Rule) -> str | None:
    """What a rule says of protocol and ports; None: nothing that IPv4 has."""
    if rule.protocol == "-1":
        return ""
    if name := _PORTS.get(rule.protocol):
        if (rule.first, rule.last) in {(-1, -1), (0, 65535)}:
            return f"meta l4proto {name}"
        return f"{name} dport {rule.first}-{rule.last}"
    if rule.protocol in _ICMP:
        kind = "" if rule.first == -1 else f" icmp type {rule.first}"
        code = "" if rule.first == -1 or rule.last == -1 else f" icmp code {rule.last}"
        return f"meta l4proto icmp{kind}{code}"
    return f"meta l4proto {rule.protocol}" if rule.protocol.isdecimal() else None


def _chain(name: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"chain {name} {{"
    yield from _indented(lines)
    yield "}"


def _indented(lines: Iterable[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)


def _word(name: str) -> str:
    """As nft takes a name: none of those that come here has an underscore of its own."""
    return name.replace("-", "_")


def _script(name: str) -> str:
    return files("beeyard.sandbox").joinpath(f"scripts/{name}").read_text()
