"""`${VAR}` in a stack file, as `docker stack deploy` understands it.

Its rules: docker/cli `cli/compose/template`. `$$` is a dollar; `${A:-x}`, `${A-x}` give defaults
(with the colon also for an empty value); `${A:?why}`, `${A?why}` demand a value; a default is not
interpolated again, and ends at the first brace. Two of them surprise, and hold here as well:

- `$A-x` has a default, too: without braces it goes on to the end of the text.
- A dash is looked for before a question mark, wherever it is: `${A:?not-set}` is always `set`.

Where one text has several variables, the Docker CLI forgets a mistake in any but the last.
`fill` doesn't.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_SUBSTITUTION = r"[_a-z][_a-z0-9]*(?::?[-?][^}]*)?"
_PATTERN = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<bare>{_SUBSTITUTION})|\{{(?P<braced>{_SUBSTITUTION})\}}|(?P<invalid>))",
    re.IGNORECASE | re.ASCII,
)
# In the order in which they are looked for.
_OPERATORS = (":-", "-", ":?", "?")


class NoValue(ValueError):
    """A text that can't be filled. `variable` is empty where a `$` starts none; `reason` is what
    the text itself says of a variable that it requires."""

    def __init__(self, variable: str, reason: str = "") -> None:
        what = f"the variable {variable} has no value" if variable else "a `$` starts no variable"
        super().__init__(what)
        self.variable = variable
        self.reason = reason


@dataclass(frozen=True)
class Variable:
    """One use of a variable. `operator` is empty, `-`, `:-`, `?` or `:?`; `name` is empty where
    the text after the dollar is no variable; `written`: the use as it stands in the text."""

    name: str
    operator: str
    argument: str
    written: str

    @property
    def misread(self) -> bool:
        """Whether the Docker CLI takes it for something else than people do."""
        bare = not self.written.startswith("${")
        return bool(self.operator) and (bare or re.search(r"\W", self.name) is not None)

    def value(self, environment: Mapping[str, str]) -> str | None:
        """What it stands for, or None where nothing gives it a value."""
        found = environment.get(self.name)
        if found is not None and not (found == "" and self.operator.startswith(":")):
            return found
        return self.argument if self.operator.endswith("-") else None


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


def fill(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its variables replaced. Raises NoValue for one that has neither value nor
    default, and for a `$` that starts none."""
    for variable in variables(text):
        if variable.value(environment) is None:
            reason = variable.argument if variable.operator.endswith("?") else ""
            raise NoValue(variable.name, reason)
    return interpolate(text, environment)


def _variable(match: re.Match[str]) -> Variable:
    substitution = match["bare"] or match["braced"] or ""
    for operator in _OPERATORS:
        name, found, argument = substitution.partition(operator)
        if found:
            return Variable(name, operator, argument, match[0])
    return Variable(substitution, "", "", match[0])
