"""Which nodes a service's placement constraints allow.

The rules are swarmkit's (`manager/constraint/constraint.go`): every expression must hold; values
compare without case, save labels' and names' keys.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_EXPRESSION = re.compile(r"^\s*(?P<key>[^\s=!]+)\s*(?P<operator>==|!=)\s*(?P<value>.*?)\s*$")


def allows(constraints: Sequence[str], node: Mapping[str, Any]) -> bool:
    """Whether a node (as the API describes it) satisfies all `constraints`.

    Raises ValueError for an expression that is none.
    """
    return all(_holds(constraint, node) for constraint in constraints)


def _holds(constraint: str, node: Mapping[str, Any]) -> bool:
    match = _EXPRESSION.match(constraint)
    if match is None:
        raise ValueError(f"`{constraint}` is no placement constraint")
    actual = _attribute(match["key"], node)
    same = actual is not None and actual.lower() == match["value"].lower()
    return same if match["operator"] == "==" else not same


def _attribute(key: str, node: Mapping[str, Any]) -> str | None:
    spec, description = node["Spec"], node.get("Description", {})
    plain: dict[str, str | None] = {
        "node.id": node["ID"],
        "node.hostname": description.get("Hostname"),
        "node.ip": node.get("Status", {}).get("Addr"),
        "node.role": spec.get("Role"),
        "node.platform.os": description.get("Platform", {}).get("OS"),
        "node.platform.arch": description.get("Platform", {}).get("Architecture"),
    }
    lowered = key.lower()
    if lowered in plain:
        return plain[lowered]
    if lowered.startswith("node.labels."):
        return str((spec.get("Labels") or {}).get(key[len("node.labels.") :], ""))
    if lowered.startswith("engine.labels."):
        labels = description.get("Engine", {}).get("Labels") or {}
        return str(labels.get(key[len("engine.labels.") :], ""))
    return None
