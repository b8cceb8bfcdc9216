"""Published ports of a stack file, moved from the routing mesh to the nodes themselves.

Source of the short form: docs.docker.com, Compose file version 3 reference, "ports".
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from beeyard.errors import AppError

_RANGE = re.compile(r"^(\d+)-(\d+)$")
# Colons inside of ${NAME:-default} separate nothing.
_PARTS = re.compile(r"((?:\$\{[^}]*\}|[^:])+)")


def host_ports(ports: Iterable[Any], where: str) -> tuple[list[Any], list[str]]:
    """The ports in long form with `mode: host`, and those that were moved, in words.

    Ports that had that mode stay as they are. Raises AppError for a form that it can't read.
    """
    result: list[Any] = []
    moved: list[str] = []
    for port in ports:
        if isinstance(port, Mapping):
            if port.get("mode") == "host":
                result.append(port)
                continue
            entries = [{**port, "mode": "host"}]
        else:
            entries = _long_form(str(port), where)
        result.extend(entries)
        moved.extend(str(entry.get("published", "any port")) for entry in entries)
    return result, moved


def _long_form(port: str, where: str) -> list[dict[str, Any]]:
    address, _, protocol = port.partition("/")
    parts = _PARTS.findall(address)
    # An address to listen on is one that Swarm ignores.
    published, target = (None, parts[0]) if len(parts) == 1 else (parts[-2], parts[-1])
    targets = _expand(target)
    outside: list[int | str | None] = (
        [None] * len(targets) if published is None else [*_expand(published)]
    )
    if len(outside) != len(targets):
        raise AppError(
            f"the port `{port}` can't be published: its two ranges differ in length", where=where
        )
    return [
        {"target": inner}
        | ({} if outer is None else {"published": outer})
        | {"protocol": protocol or "tcp", "mode": "host"}
        for inner, outer in zip(targets, outside, strict=True)
    ]


def _expand(text: str) -> list[int | str]:
    match = _RANGE.match(text)
    if match:
        return list(range(int(match[1]), int(match[2]) + 1))
    return [int(text) if text.isdigit() else text]
