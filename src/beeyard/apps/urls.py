"""The addresses of an application, read from its own Traefik labels."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from beeyard.apps.stack import Stack
from beeyard.config import rule as traefik
from beeyard.config.interpolation import NoValue, fill
from beeyard.errors import AppError

_ROUTER = re.compile(r"^traefik\.http\.routers\.([^.]+)\.(.+)$", re.IGNORECASE)


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


def app_urls(stack: Stack, variables: Mapping[str, str], https_port: int = 443) -> list[AppUrl]:
    """All addresses that a stack file's `deploy.labels` route, in order, each once.

    `variables` fill `${NAME}`. Raises AppError for a rule that can't be read, and for a variable
    that has neither value nor default.
    """
    found: list[AppUrl] = []
    for name, service in stack.services.items():
        raw = (service.get("deploy") or {}).get("labels") or {}
        try:
            found.extend(label_urls(name, dict(_labels(raw, variables)), https_port))
        except AppError as error:
            raise AppError(
                error.what,
                where=f"{stack.path}: service {name}, deploy.labels",
                why=error.why,
                fix=error.fix,
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
            AppUrl(host, path, https_port, service, router)
            for router, settings in routers.items()
            for host, path in _places(settings.get("rule", ""))
        }
    )


def _labels(raw: Any, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The labels that route, of a mapping or a list of KEY=VALUE; Docker fills the value, or the
    whole entry."""
    if isinstance(raw, Mapping):
        for key, value in raw.items():
            if _ROUTER.match(str(key)):
                yield str(key), _filled(str(value), variables)
    else:
        for label in raw:
            if "=" in str(label) and _ROUTER.match(str(label).partition("=")[0]):
                key, _, value = _filled(str(label), variables).partition("=")
                yield key, value


def _filled(text: str, variables: Mapping[str, str]) -> str:
    try:
        return fill(text, variables)
    except NoValue as error:
        raise AppError(
            str(error),
            why=error.reason or text,
            fix=f"set {error.variable} below `environment` of the application in beeyard.yml"
            if error.variable
            else "write `$$` for a dollar sign",
        ) from error


def _places(rule: str) -> Iterator[tuple[str, str]]:
    """Host and path of every alternative that names a host."""
    try:
        alternatives = traefik.parse(rule)
    except traefik.Unreadable as error:
        raise AppError(
            f"the Traefik rule `{rule}` can't be read",
            fix="write it like Host(`name.example.com`) && PathPrefix(`/path`)",
        ) from error
    for alternative in alternatives:
        host = alternative.argument("Host")
        if host and not host.startswith("*"):
            yield host, alternative.argument("Path", "PathPrefix") or "/"
