"""A team's own stack file, and what becomes of it on this cluster.

The file is changed as text with structure (ruamel's round trip), never re-written from values: what
the Docker CLI reads in it (`0444` as octal, `yes` as true, `${VAR}`) it reads after us as before.
"""

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from beeyard.apps.ports import host_ports
from beeyard.errors import AppError
from beeyard.swarm import Capabilities


@dataclass(frozen=True)
class Build:
    """How a service's image is built: paths relative to the stack file's folder."""

    context: Path
    dockerfile: str = "Dockerfile"
    args: tuple[tuple[str, str], ...] = ()
    target: str | None = None


@dataclass(frozen=True)
class Stack:
    """A stack file as it was read. `document` is not to be changed: `render` works on a copy."""

    path: Path
    document: CommentedMap

    @property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        """The services, by name."""
        return dict(self.document["services"])

    @property
    def builds(self) -> dict[str, Build]:
        """The services that bring their own image, and how it is built."""
        return {
            name: _build(self.path, name, service["build"])
            for name, service in self.services.items()
            if service.get("build") is not None
        }

    @property
    def files(self) -> tuple[str, ...]:
        """Files that the stack file names, relative to it: `env_file`, and of configs, secrets."""
        names = set(_env_files(self.services.values()))
        for section in ("configs", "secrets"):
            for entry in (self.document.get(section) or {}).values():
                if entry and entry.get("file"):
                    names.add(str(entry["file"]))
        return tuple(sorted(names))


@dataclass(frozen=True)
class Rendered:
    """What `docker stack deploy` is given. `adaptations`: what was changed for this cluster."""

    text: str
    adaptations: tuple[str, ...]
    services: tuple[str, ...]
    folder: Path
    files: tuple[str, ...]


def load_stack(path: Path) -> Stack:
    """Read a stack file. Raises AppError with its place if it isn't one."""
    try:
        document = _yaml().load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AppError("the stack file can't be read", where=str(path), why=str(error)) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        raise AppError(
            "the stack file is not valid YAML", where=f"{path}{place}", why=error.problem
        ) from error
    services = document.get("services") if isinstance(document, CommentedMap) else None
    if not isinstance(services, CommentedMap) or not services:
        raise AppError(
            "the stack file has no services",
            where=str(path),
            fix="write a Compose file, version 3, with at least one entry below `services:`",
        )
    for name, service in services.items():
        if not isinstance(service, CommentedMap):
            line = services.lc.key(name)[0] + 1
            raise AppError(f"the service `{name}` is no mapping", where=f"{path}:{line}")
    return Stack(path, document)


def render(stack: Stack, *, image_for: Mapping[str, str], capabilities: Capabilities) -> Rendered:
    """The stack file for this cluster, as `docker stack deploy` takes it.

    `build` goes, and `image_for` gives such a service its image (AppError where it has none).
    Where the nodes have no IPVS, services are found by DNS and publish their ports on their nodes.
    `${VAR}` stays: the Docker CLI fills it in from its environment.
    """
    document = _yaml().load(_dump(stack.document))
    adaptations: list[str] = []
    for name, service in document["services"].items():
        _set_image(stack, name, service, image_for)
        if not capabilities.ipvs:
            adaptations.extend(_without_ipvs(stack, name, service))
    return Rendered(
        text=_dump(document),
        adaptations=tuple(adaptations),
        services=tuple(document["services"]),
        folder=stack.path.parent,
        files=stack.files,
    )


def _set_image(
    stack: Stack, name: str, service: CommentedMap, image_for: Mapping[str, str]
) -> None:
    if name in image_for:
        service["image"] = image_for[name]
    elif service.get("build") is not None or not service.get("image"):
        raise AppError(
            f"the service `{name}` has no image",
            where=str(stack.path),
            fix="give it `image:`, or `build:` with the folder of its Dockerfile",
        )
    # One that comes from a merged anchor stays there: the Docker CLI ignores it.
    if "build" in dict.keys(service):
        service.pop("build", None)


def _without_ipvs(stack: Stack, name: str, service: CommentedMap) -> Iterator[str]:
    deploy = service.get("deploy")
    deploy = CommentedMap() if deploy is None else _own(deploy)
    if deploy.get("endpoint_mode") != "dnsrr":
        deploy["endpoint_mode"] = "dnsrr"
        yield (
            f"{name}: endpoint_mode is dnsrr (its name gives the addresses of its tasks), "
            "for the nodes' kernels have no IPVS"
        )
    service["deploy"] = deploy
    ports, moved = host_ports(service.get("ports") or (), where=f"{stack.path}: service {name}")
    if moved:
        service["ports"] = ports
        yield (
            f"{name}: published on the nodes that run it (mode host), not on every node: "
            f"{', '.join(moved)}; for the nodes' kernels have no IPVS"
        )


def _own(mapping: CommentedMap) -> CommentedMap:
    """A copy, so that what several services share by an anchor is changed for one only."""
    return CommentedMap(mapping)


def _build(path: Path, name: str, raw: Any) -> Build:
    if isinstance(raw, str):
        return Build(Path(raw))
    if not isinstance(raw, Mapping) or not isinstance(raw.get("context", "."), str):
        raise AppError(
            f"`build` of the service `{name}` is neither a folder nor a mapping", where=str(path)
        )
    unknown = set(raw) - {"context", "dockerfile", "args", "target"}
    if unknown:
        raise AppError(
            f"`build` of the service `{name}` has keys that beeyard can't follow: "
            f"{', '.join(sorted(unknown))}",
            where=str(path),
            fix="use context, dockerfile, args and target only",
        )
    args = raw.get("args") or {}
    pairs = (
        [(str(key), str(value)) for key, value in args.items()]
        if isinstance(args, Mapping)
        else [(key, value) for key, _, value in (str(arg).partition("=") for arg in args)]
    )
    return Build(
        context=Path(raw.get("context", ".")),
        dockerfile=raw.get("dockerfile", "Dockerfile"),
        args=tuple(sorted(pairs)),
        target=raw.get("target"),
    )


def _env_files(services: Any) -> Iterator[str]:
    for service in services:
        named = service.get("env_file") or ()
        yield from [named] if isinstance(named, str) else [str(name) for name in named]


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 4096
    return yaml


def _dump(document: CommentedMap) -> str:
    stream = io.StringIO()
    _yaml().dump(document, stream)
    return stream.getvalue()
