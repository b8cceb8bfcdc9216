"""What checks look at: the cluster, and every application's stack file as Docker will read it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from beeyard.config.check.finding import Finding, Level
from beeyard.config.document import Document, dotted
from beeyard.config.interpolation import interpolate
from beeyard.config.model import ClusterSpec
from beeyard.config.sections import Application

Loc = tuple[str | int, ...]


@dataclass(frozen=True)
class Service:
    """One service of a stack, its variables replaced. `loc` is its place in the stack file."""

    name: str
    data: Mapping[str, Any]

    @property
    def loc(self) -> Loc:
        return ("services", self.name)

    @property
    def deploy(self) -> Mapping[str, Any]:
        return section(self.data.get("deploy"))

    @property
    def labels(self) -> dict[str, str]:
        """`deploy.labels`: the ones that Traefik reads in a Swarm."""
        return pairs(self.deploy.get("labels"))

    @property
    def environment(self) -> dict[str, str]:
        return pairs(self.data.get("environment"))

    @property
    def mode(self) -> str:
        return str(self.deploy.get("mode", "replicated"))

    @property
    def replicas(self) -> int | None:
        """How many; None for a global service, and where the file gives no number."""
        count = self.deploy.get("replicas", 1)
        if self.mode != "replicated" or not str(count).isdigit():
            return None
        return int(count)

    @property
    def is_job(self) -> bool:
        return self.mode.endswith("-job")

    @property
    def is_web(self) -> bool:
        """Whether Traefik routes to it; labels' names are read without case."""
        labels = {name.lower(): value for name, value in self.labels.items()}
        if labels.get("traefik.enable", "").lower() == "false":
            return False
        return any(name.startswith("traefik.http.routers.") for name in labels)

    @property
    def publishes_on_host(self) -> bool:
        ports = self.data.get("ports")
        return any(section(port).get("mode") == "host" for port in sequence(ports))

    @property
    def order(self) -> str:
        """In which order an update goes, as beeyard deploys it: two tasks can't have one port of a
        node, and all others start first where the file doesn't say."""
        if self.publishes_on_host:
            return "stop-first"
        return str(section(self.deploy.get("update_config")).get("order") or "start-first")

    @property
    def networks(self) -> tuple[str, ...]:
        return names(self.data.get("networks"))

    @property
    def secrets(self) -> tuple[str, ...]:
        return sources(self.data.get("secrets"))

    @property
    def configs(self) -> tuple[str, ...]:
        return sources(self.data.get("configs"))

    @property
    def volumes(self) -> tuple[str, ...]:
        """The volumes by name that it mounts, without folders of the node."""
        return tuple(_volumes(self.data.get("volumes")))


@dataclass(frozen=True)
class Stack:
    """The stack file of one application."""

    name: str
    application: Application
    folder: Path
    document: Document
    environment: Mapping[str, str]

    @cached_property
    def data(self) -> Mapping[str, Any]:
        return section(_replaced(self.document.data, self.environment))

    @cached_property
    def services(self) -> tuple[Service, ...]:
        found = section(self.data.get("services"))
        return tuple(Service(str(name), section(data)) for name, data in found.items())

    def top(self, kind: str) -> Mapping[str, Any]:
        """A section at the top of the file: networks, secrets, configs, volumes."""
        return section(self.data.get(kind))

    def finding(
        self, level: Level, loc: Loc, what: str, fix: str, why: str | None = None
    ) -> Finding:
        """A finding about the place `loc` of the stack file."""
        return Finding(level, self.document.where(loc), f"{dotted(loc)}: {what}", fix, why)


@dataclass(frozen=True)
class Project:
    """beeyard.yml and the stack files that could be read. `environ`: the operator's variables, or
    None.
    """

    spec: ClusterSpec
    base: Path
    document: Document
    stacks: tuple[Stack, ...]
    environ: Mapping[str, str] | None

    def finding(
        self, level: Level, loc: Loc, what: str, fix: str, why: str | None = None
    ) -> Finding:
        """A finding about the place `loc` of beeyard.yml."""
        return Finding(level, self.document.where(loc), f"{dotted(loc)}: {what}", fix, why)


def given(spec: ClusterSpec, name: str) -> dict[str, str]:
    """The variables that the stack file of the application `name` may use without any default."""
    return {"DOMAIN": spec.domain, "STACK": name, **spec.applications[name].environment}


def section(value: object) -> Mapping[str, Any]:
    """`value` where it is a mapping; else an empty one. Docker itself says what else is wrong with
    it.
    """
    return value if isinstance(value, dict) else {}


def sequence(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def names(value: object) -> tuple[str, ...]:
    """The names in Compose's list, or its mapping by name."""
    return tuple(str(name) for name in value) if isinstance(value, list | dict) else ()


def sources(value: object) -> tuple[str, ...]:
    """The secrets or configs that a service names, in the short form or the long one."""
    return tuple(
        str(section(entry).get("source", "")) if isinstance(entry, dict) else str(entry)
        for entry in sequence(value)
    )


def _volumes(value: object) -> Iterator[str]:
    for entry in sequence(value):
        if isinstance(entry, dict):
            if entry.get("type") == "volume" and entry.get("source"):
                yield str(entry["source"])
        # Source: Compose file reference, "volumes", "Short syntax": a path starts so.
        elif ":" in str(entry) and not str(entry).startswith(("/", ".", "~")):
            yield str(entry).partition(":")[0]


def pairs(value: object) -> dict[str, str]:
    """Compose's `KEY=value` list, or its mapping."""
    if isinstance(value, dict):
        return {str(key): "" if item is None else _scalar(item) for key, item in value.items()}
    split = (str(item).partition("=") for item in sequence(value))
    return {key: item for key, _, item in split}


def _scalar(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _replaced(value: object, environment: Mapping[str, str]) -> object:
    """`value` with the variables in its texts replaced; keys stay, as Docker leaves them."""
    if isinstance(value, str):
        return interpolate(value, environment)
    if isinstance(value, dict):
        return {key: _replaced(item, environment) for key, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, environment) for item in value]
    return value


def texts(value: object, loc: Loc = ()) -> Iterator[tuple[Loc, str]]:
    """Every text in `value`, with its place."""
    if isinstance(value, str):
        yield loc, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*loc, str(key)))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*loc, index))
