"""Traefik's rules in one form, however they are written: which requests a router takes.

Source: Traefik 3 reference, "HTTP routers", "Rule": `&&`, `||`, `!` and brackets over matchers,
whose arguments stand in backticks or double quotes. The several arguments that `Host`, `Path` and
`PathPrefix` have in Traefik 2 are alternatives.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

_TOKEN = re.compile(
    r"\s*(?:(?P<operator>&&|\|\||!|\(|\))|(?P<name>\w+)\((?P<arguments>(?:`[^`]*`|\"[^\"]*\"|[^)])*)\))"
)
_ARGUMENT = re.compile(r"`([^`]*)`|\"([^\"]*)\"")
# In the order in which they are shown.
_NAMES = ("Host", "HostRegexp", "Path", "PathPrefix", "PathRegexp", "Method", "Header")
_ONE_ARGUMENT = frozenset({"Host", "Path", "PathPrefix"})


class Unreadable(ValueError):
    """What is no rule."""


@dataclass(frozen=True, order=True)
class Matcher:
    """One condition, such as Host(`a.example.com`); hosts are in lower case."""

    name: str
    arguments: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        arguments = ", ".join(f"`{argument}`" for argument in self.arguments)
        return f"{'!' if self.negated else ''}{self.name}({arguments})"


@dataclass(frozen=True)
class Alternative:
    """Conditions that a request must all meet."""

    matchers: frozenset[Matcher]

    def __str__(self) -> str:
        return " && ".join(str(matcher) for matcher in sorted(self.matchers, key=_place))

    def argument(self, *names: str) -> str | None:
        """The longest argument of those matchers, or None where there is none."""
        found = [
            argument
            for matcher in self.matchers
            if matcher.name in names and not matcher.negated
            for argument in matcher.arguments
        ]
        return max(found, key=len, default=None)


#: A request needs to meet one of the alternatives.
Rule = frozenset[Alternative]


def parse(text: str) -> Rule:
    """The rule that `text` is; empty for an empty text. Raises Unreadable for what is no rule."""
    tokens = list(_tokens(text))
    if not tokens:
        return frozenset()
    rule = _either(tokens)
    if tokens:
        raise Unreadable(text)
    return rule


def _tokens(text: str) -> Iterator[re.Match[str]]:
    position = 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unreadable(text)
        yield match
        position = match.end()


def _either(tokens: list[re.Match[str]]) -> Rule:
    rule = _both(tokens)
    while tokens and tokens[0]["operator"] == "||":
        tokens.pop(0)
        rule |= _both(tokens)
    return rule


def _both(tokens: list[re.Match[str]]) -> Rule:
    rule = _one(tokens)
    while tokens and tokens[0]["operator"] == "&&":
        tokens.pop(0)
        other = _one(tokens)
        rule = frozenset(Alternative(a.matchers | b.matchers) for a in rule for b in other)
    return rule


def _one(tokens: list[re.Match[str]]) -> Rule:
    token = tokens.pop(0) if tokens else None
    if token is None:
        raise Unreadable
    match token["operator"]:
        case "(":
            rule = _either(tokens)
            if not tokens or tokens.pop(0)["operator"] != ")":
                raise Unreadable
            return rule
        case "!":
            return _negated(_one(tokens))
        case None:
            return _matcher(token["name"], token["arguments"])
    raise Unreadable


def _negated(rule: Rule) -> Rule:
    """Of every alternative, one condition must fail."""
    failing = (
        [replace(matcher, negated=not matcher.negated) for matcher in alternative.matchers]
        for alternative in rule
    )
    return frozenset(Alternative(frozenset(chosen)) for chosen in product(*failing))


def _matcher(written: str, arguments: str) -> Rule:
    name = next((name for name in _NAMES if name.lower() == written.lower()), written)
    values = [one or other for one, other in _ARGUMENT.findall(arguments)]
    if name == "Host":
        values = [value.lower() for value in values]
    if name not in _ONE_ARGUMENT:
        return frozenset({Alternative(frozenset({Matcher(name, tuple(values))}))})
    return frozenset(Alternative(frozenset({Matcher(name, (value,))})) for value in values)


def _place(matcher: Matcher) -> tuple[int, Matcher]:
    known = matcher.name in _NAMES
    return _NAMES.index(matcher.name) if known else len(_NAMES), matcher
