"""Placement constraints, such as `node.role == worker`.

The rules are swarmkit's (`manager/constraint/constraint.go`): values compare without case, labels'
names with it; a label that is not there counts as empty; a key that Swarm does not know never
holds.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

LABEL = "node.labels."
ENGINE_LABEL = "engine.labels."
_KEYS = frozenset(
    f"node.{name}" for name in ("id", "hostname", "ip", "role", "platform.os", "platform.arch")
)
_KEY = re.compile(r"[a-z_][a-z0-9\-_.]+", re.IGNORECASE | re.ASCII)
_VALUE = re.compile(r"[a-z0-9:\-_\s.*()?+\[\]\\^$|/]+", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class Constraint:
    """One expression. `key` is in lower case, save for a label's own name; `equal`: `==`, else
    `!=`."""

    key: str
    equal: bool
    value: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The expression in `text`. Raises ValueError for what Docker would refuse."""
        operator = "==" if "==" in text else "!="
        key, found, value = text.partition(operator)
        key, value = key.strip(), value.strip()
        if not found or not _KEY.fullmatch(key) or not _VALUE.fullmatch(value):
            raise ValueError(f"`{text}` is no placement constraint")
        return cls(_normal(key), operator == "==", value)

    @property
    def known(self) -> bool:
        """Whether Swarm knows such a key at all."""
        return self.key in _KEYS or self.label is not None

    @property
    def label(self) -> str | None:
        """The name of the node's or engine's label that is asked for."""
        for prefix in (LABEL, ENGINE_LABEL):
            if self.key.startswith(prefix) and self.key != prefix:
                return self.key.removeprefix(prefix)
        return None

    def holds(self, attributes: Mapping[str, str]) -> bool:
        """Whether it holds for a node, whose attributes go by the keys that ask for them."""
        if not self.known:
            return False
        actual = attributes.get(self.key, "")
        if self.key == "node.ip":
            return _within(actual, self.value) is self.equal
        return (actual.lower() == self.value.lower()) is self.equal


def _normal(key: str) -> str:
    lowered = key.lower()
    for prefix in (LABEL, ENGINE_LABEL):
        if lowered.startswith(prefix):
            return prefix + key[len(prefix) :]
    return lowered


def _within(address: str, wanted: str) -> bool | None:
    """Whether an address is the wanted one, or in the wanted network; None if that is neither."""
    try:
        network = ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return None
    return bool(address) and ipaddress.ip_address(address) in network
