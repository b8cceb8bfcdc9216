"""Which nodes a service's placement constraints allow."""

from collections.abc import Mapping, Sequence
from typing import Any

from beeyard.config.constraint import ENGINE_LABEL, LABEL, Constraint


def allows(constraints: Sequence[str], node: Mapping[str, Any]) -> bool:
    """Whether a node (as the API describes it) satisfies all `constraints`.

    Raises ValueError for an expression that is none.
    """
    found = attributes(node)
    return all(Constraint.parse(constraint).holds(found) for constraint in constraints)


def attributes(node: Mapping[str, Any]) -> dict[str, str]:
    """What placement can go by, such as `node.labels.zone`, with the node's values."""
    spec, description = node["Spec"], node.get("Description", {})
    platform = description.get("Platform", {})
    labels = {
        LABEL: spec.get("Labels"),
        ENGINE_LABEL: description.get("Engine", {}).get("Labels"),
    }
    return {
        "node.id": node["ID"],
        "node.hostname": description.get("Hostname", ""),
        "node.ip": node.get("Status", {}).get("Addr", ""),
        "node.role": spec.get("Role", ""),
        "node.platform.os": platform.get("OS", ""),
        "node.platform.arch": platform.get("Architecture", ""),
    } | {
        prefix + name: value
        for prefix, found in labels.items()
        for name, value in (found or {}).items()
    }
