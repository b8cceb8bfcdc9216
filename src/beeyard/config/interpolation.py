"""`${VAR}` in a stack file, as `docker stack deploy` understands it.

Its rules: docker/cli `cli/compose/template`. `$$` is a dollar; `${A:-x}`, `${A-x}` give defaults
(with the colon also for an empty value); `${A:?why}`, `${A?why}` demand a value; a default is not
interpolated again.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_PATTERN = re.compile(
    r"\$(?:(?P<escaped>\$)"
    r"|(?P<plain>[_a-zA-Z][_a-zA-Z0-9]*)"
    r"|\{(?P<name>[_a-zA-Z][_a-zA-Z0-9]*)(?:(?P<operator>:?[-?])(?P<argument>[^}]*))?\}"
    r"|(?P<invalid>))"
)


@dataclass(frozen=True)
class Variable:
    """One use of a variable. `operator` is empty, `-`, `:-`, `?` or `:?`; `name` is empty where
    the text after the dollar is no variable."""

    name: str
    operator: str
    argument: str

    def value(self, environment: Mapping[str, str]) -> str | None:
        """What it stands for, or None where nothing gives it a value."""
        found = environment.get(self.name)
        if found is not None and not (found == "" and self.operator.startswith(":")):
            return found
        return self.argument if self.operator.endswith("-") else None


def _variable(match: re.Match[str]) -> Variable:
    name = match["plain"] or match["name"] or ""
    return Variable(name, match["operator"] or "", match["argument"] or "")


def variables(text: str) -> Iterator[Variable]:
    """The variables that `text` uses, in order."""
    for match in _PATTERN.finditer(text):
        if match["escaped"] is None:
            yield _variable(match)


def interpolate(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its variables replaced; one without a value becomes empty, as Docker has it."""

    def replace(match: re.Match[str]) -> str:
        if match["escaped"] is not None:
            return "$"
        return _variable(match).value(environment) or ""

    return _PATTERN.sub(replace, text)
