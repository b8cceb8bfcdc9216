"""The addresses of an application, read from its own Traefik labels.

Source: Traefik 3 reference, "HTTP routers", "Rule" (`Host`, `PathPrefix`, `Path`, `&&`, `||`, `!`).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from beeyard.apps.stack import Stack
from beeyard.errors import AppError

_ROUTER = re.compile(r"^traefik\.http\.routers\.([^.]+)\.(.+)$", re.IGNORECASE)
_TOKEN = re.compile(
    r"\s*(?:(?P<operator>&&|\|\||!|\(|\))|(?P<name>\w+)\((?P<arguments>(?:`[^`]*`|\"[^\"]*\"|[^)])*)\))"
)
_ARGUMENT = re.compile(r"`([^`]*)`|\"([^\"]*)\"")
_VARIABLE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<plain>[A-Za-z_]\w*)"
    r"|\{(?P<name>[A-Za-z_]\w*)(?:(?P<operator>:?[-?])(?P<word>[^}]*))?\})"
)


@dataclass(frozen=True, order=True)
class AppUrl:
    """One address at which an application answers. `router` is Traefik's name for the rule."""

    host: str
    path: str
    port: int
    service: str
    router: str

    @property
    def url(self) -> str:
        port = "" if self.port == 443 else f":{self.port}"
        return f"https://{self.host}{port}{self.path}"


@dataclass(frozen=True)
class _Match:
    """What one alternative of a rule asks for; None: nothing."""

    host: str | None = None
    path: str | None = None


def app_urls(stack: Stack, variables: Mapping[str, str], https_port: int = 443) -> list[AppUrl]:
    """All addresses that a stack file's `deploy.labels` route, in order, each once.

    `variables` fill `${NAME}`. Raises AppError for a rule that can't be read, and for a variable
    that has neither value nor default.
    """
    found: list[AppUrl] = []
    for name, service in stack.services.items():
        raw = (service.get("deploy") or {}).get("labels") or {}
        try:
            labels = {key: interpolate(value, variables) for key, value in _label_pairs(raw)}
            found.extend(label_urls(name, labels, https_port))
        except AppError as error:
            raise AppError(
                error.what, where=f"{stack.path}: service {name}, deploy.labels", fix=error.fix
            ) from error
    return sorted({(url.host, url.path): url for url in reversed(found)}.values())


def label_urls(service: str, labels: Mapping[str, str], https_port: int = 443) -> list[AppUrl]:
    """The addresses that a running service's labels route."""
    routers: dict[str, dict[str, str]] = {}
    for key, value in labels.items():
        match = _ROUTER.match(key)
        if match:
            routers.setdefault(match[1], {})[match[2].lower()] = value
    return sorted(
        {
            AppUrl(found.host, found.path or "/", https_port, service, router)
            for router, settings in routers.items()
            for found in _rule(settings.get("rule", ""))
            if found.host and not found.host.startswith("*")
        }
    )


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Fill `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?message}` as the Docker CLI does.

    Raises AppError for a variable that has neither value nor default.
    """

    def fill(match: re.Match[str]) -> str:
        if match["escaped"]:
            return "$"
        name, operator = match["plain"] or match["name"], match["operator"] or ""
        value = variables.get(name)
        if value or (value is not None and not operator.startswith(":")):
            return value
        if operator.endswith("-"):
            return match["word"]
        raise AppError(
            f"the variable {name} has no value",
            why=match["word"] or None,
            fix=f"set {name} below `environment` of the application in beeyard.yml",
        )

    return _VARIABLE.sub(fill, text)


def _label_pairs(raw: Any) -> Iterator[tuple[str, str]]:
    """Labels are a mapping, or a list of KEY=VALUE."""
    if isinstance(raw, Mapping):
        yield from ((str(key), str(value)) for key, value in raw.items())
    else:
        for label in raw:
            key, _, value = str(label).partition("=")
            yield key, value


def _rule(rule: str) -> Sequence[_Match]:
    """The alternatives of a rule: its disjunctive form, as far as host and path go."""
    tokens = list(_tokens(rule))
    if not tokens:
        return []
    matches = _either(tokens, rule)
    if tokens:
        raise _unreadable(rule)
    return matches


def _tokens(rule: str) -> Iterator[re.Match[str]]:
    position = 0
    while rule[position:].strip():
        match = _TOKEN.match(rule, position)
        if match is None:
            raise _unreadable(rule)
        yield match
        position = match.end()


def _either(tokens: list[re.Match[str]], rule: str) -> list[_Match]:
    matches = _both(tokens, rule)
    while tokens and tokens[0]["operator"] == "||":
        tokens.pop(0)
        matches = matches + _both(tokens, rule)
    return matches


def _both(tokens: list[re.Match[str]], rule: str) -> list[_Match]:
    matches = _one(tokens, rule)
    while tokens and tokens[0]["operator"] == "&&":
        tokens.pop(0)
        others = _one(tokens, rule)
        matches = [
            _Match(one.host or other.host, one.path or other.path)
            for one in matches
            for other in others
        ]
    return matches


def _one(tokens: list[re.Match[str]], rule: str) -> list[_Match]:
    if not tokens:
        raise _unreadable(rule)
    token = tokens.pop(0)
    if token["operator"] == "(":
        matches = _either(tokens, rule)
        if not tokens or tokens.pop(0)["operator"] != ")":
            raise _unreadable(rule)
        return matches
    if token["operator"] == "!":
        _one(tokens, rule)
        return [_Match()]
    if token["operator"]:
        raise _unreadable(rule)
    return _matcher(token)


def _matcher(token: re.Match[str]) -> list[_Match]:
    values = [one or other for one, other in _ARGUMENT.findall(token["arguments"])]
    match token["name"].lower():
        case "host":
            return [_Match(host=value.lower()) for value in values]
        case "pathprefix" | "path":
            return [_Match(path=value) for value in values]
    return [_Match()]


def _unreadable(rule: str) -> AppError:
    return AppError(
        f"the Traefik rule `{rule}` can't be read",
        fix="write it like Host(`name.example.com`) && PathPrefix(`/path`)",
    )
