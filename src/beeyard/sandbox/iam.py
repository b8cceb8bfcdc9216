"""Do these policies allow it? IAM's own logic, as far as beeyard's policies need it. Pure.

Source: AWS IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition
operators".
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

#: A resource that nobody here knows the name of: the right alone decides.
ANY = ""


@dataclass(frozen=True)
class Asked:
    """One right, on one resource or `ANY`; `context`: values of condition keys, by their names."""

    action: str
    resource: str
    context: Mapping[str, Sequence[str]] = field(default_factory=dict)


def allows(policies: Iterable[Mapping[str, Any]], asked: Asked) -> bool:
    """Whether one statement of these documents allows it, and none denies it."""
    effects = {
        str(statement["Effect"])
        for policy in policies
        for statement in _listed(policy["Statement"])
        if _is_about(statement, asked)
    }
    return effects == {"Allow"}


def _is_about(statement: Mapping[str, Any], asked: Asked) -> bool:
    # Actions are the same in any case, resources are not.
    return (
        any(_like(one.lower(), asked.action.lower()) for one in _texts(statement["Action"]))
        and _is_on(statement, asked.resource)
        and all(
            _holds(operator, tuple(_texts(wanted)), _values(asked, key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _is_on(statement: Mapping[str, Any], resource: str) -> bool:
    return resource == ANY or any(_like(one, resource) for one in _texts(statement["Resource"]))


def _holds(operator: str, wanted: Sequence[str], values: Sequence[str]) -> bool:
    """Whether a condition is met. Raises ValueError for an operator that is not known here."""
    of_all, _, plain = operator.rpartition(":")
    match plain:
        case "StringEquals":
            fits = [value in wanted for value in values]
        case "StringLike":
            fits = [any(_like(one, value) for one in wanted) for value in values]
        case "ArnEquals" | "ArnLike":  # the same to IAM
            fits = [any(_like_arn(one, value) for one in wanted) for value in values]
        case _:
            raise ValueError(f"IAM's condition operator {operator} can't be rehearsed")
    match of_all:
        case "ForAllValues":
            return all(fits)
        case "":
            return any(fits)
        case _:
            raise ValueError(f"IAM's condition operator {operator} can't be rehearsed")


def _values(asked: Asked, key: str) -> Sequence[str]:
    for name, values in asked.context.items():
        if name.lower() == key.lower():
            return values
    return ()


def _like(pattern: str, text: str) -> bool:
    return _regex(pattern).fullmatch(text) is not None


def _like_arn(pattern: str, text: str) -> bool:
    """Part by part: no wildcard reaches over one of the first five colons."""
    parts, theirs = pattern.split(":", 5), text.split(":", 5)
    return len(parts) == len(theirs) and all(map(_like, parts, theirs))


@lru_cache(maxsize=1024)
def _regex(pattern: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in re.split(r"([*?])", pattern))
    regex = "".join({r"\*": ".*", r"\?": "."}.get(part, part) for part in parts)
    return re.compile(regex, re.DOTALL)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> Iterator[str]:
    yield from map(str, _listed(value))
