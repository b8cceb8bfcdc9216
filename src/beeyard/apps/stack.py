"""A team's own stack file, and what becomes of it on this cluster.

The file is changed as a document (see `compose`), never re-written from values.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from beeyard.apps.bundle import Bundle, env_files
from beeyard.apps.compose import plain, write, yaml
from beeyard.apps.ports import host_ports
from beeyard.config.interpolation import interpolate
from beeyard.errors import AppError
from beeyard.swarm import Capabilities

#: The least minor version of the format in which what `render` writes is known.
_LEAST = 8
_VERSION = re.compile(r"3(?:\.(\d+))?")

_ORDERS = {
    "start-first": "a new task starts before the old one stops",
    "stop-first": "each task stops before its successor starts",
}


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

    def env_files(self, environment: Mapping[str, str]) -> tuple[str, ...]:
        """The environment files that services name, filled, relative to the stack file."""
        named = {path for entry in self.services.values() for path in env_files(entry)}
        return tuple(sorted({interpolate(path, environment) for path in named}))

    def read_file(self, name: str) -> bytes:
        """A file that the stack file names. Raises AppError if it is not there, or not below the
        stack file's folder."""
        path = self.path.parent / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise AppError(
                f"the stack file names `{name}`, which is not below its folder",
                where=str(self.path),
                fix="put the file beside the stack file",
            )
        if not path.is_file():
            raise AppError("the stack file names a file that does not exist", where=str(path))
        return path.read_bytes()


@dataclass(frozen=True)
class Rendered:
    """What `docker stack deploy` is given, and what was changed for this cluster, in words."""

    bundle: Bundle
    adaptations: tuple[str, ...]


def load_stack(path: Path) -> Stack:
    """Read a stack file. Raises AppError with its place if it isn't one."""
    try:
        document = yaml().load(path.read_text(encoding="utf-8"))
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
        if not isinstance(service.get("deploy") or {}, Mapping):
            line = service.lc.key("deploy")[0] + 1
            raise AppError(
                f"`deploy` of the service `{name}` is no mapping", where=f"{path}:{line}"
            )
    return Stack(path, document)


def render(
    stack: Stack,
    *,
    environment: Mapping[str, str],
    image_for: Mapping[str, str],
    named: Mapping[tuple[str, str], str],
    capabilities: Capabilities,
    single_writers: Collection[str] = (),
    full: Collection[str] = (),
) -> Rendered:
    """The stack file for this cluster, as `docker stack deploy` takes it.

    environment   what `${VAR}` is filled with; the Docker CLI does that
    image_for     images by service, for those that have `build` (AppError where there is none) or
                  are to be another than the file says
    named         the Swarm's names of secrets and configs, by section and key
    capabilities  without IPVS, services are found by DNS and publish their ports on their nodes
    single_writers   services of which two tasks must never run at once
    full          services of which no node may take a task more (`without_place`)
    """
    document = plain(stack.document)
    adaptations: list[str] = []
    for key in [key for key in document if str(key).startswith("x-")]:
        del document[key]
    _set_version(document)
    for name, service in document["services"].items():
        _set_image(stack, name, service, image_for)
        _name_contents(service, named)
        _fill_environment(service, environment)
        if not capabilities.ipvs:
            adaptations.extend(_without_ipvs(stack, name, service))
        why = _why_stop_first(name, service, single_writers)
        tight = not why and name in full
        adaptations.extend(_in_order(name, service, environment, why, tight=tight))
    _name_sections(document, named)
    files = {path: _env_file(stack, path, environment) for path in stack.env_files(environment)}
    return Rendered(Bundle(write(document), dict(environment), files), tuple(adaptations))


def _set_version(document: CommentedMap) -> None:
    """What is added here (`order`, `name` of a secret) is not in every version of the format, and
    each is the one before with more in it: docs.docker.com, Compose versions and upgrading."""
    minor = _VERSION.fullmatch(str(document.get("version", "3")))
    if minor and int(minor[1] or 0) < _LEAST:
        document["version"] = f"3.{_LEAST}"


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
    service.pop("build", None)


def _name_contents(service: CommentedMap, named: Mapping[tuple[str, str], str]) -> None:
    """Services name secrets and configs as the Swarm does, and mount them where they did before."""
    for section in ("secrets", "configs"):
        if not service.get(section):
            continue
        entries = CommentedSeq()
        for entry in service[section]:
            long = CommentedMap(entry) if isinstance(entry, Mapping) else CommentedMap(source=entry)
            key = str(long["source"])
            long["source"] = named.get((section, key), key)
            # Source: docs.docker.com, Compose file version 3 reference, "secrets", "configs".
            long.setdefault("target", key)
            entries.append(long)
        service[section] = entries


def _name_sections(document: CommentedMap, named: Mapping[tuple[str, str], str]) -> None:
    for section in ("secrets", "configs"):
        if document.get(section):
            document[section] = CommentedMap(
                {
                    named.get((section, str(key)), key): CommentedMap(
                        external=True, name=named.get((section, str(key)), key)
                    )
                    for key in document[section]
                }
            )


def _fill_environment(service: CommentedMap, environment: Mapping[str, str]) -> None:
    """Variables that a service takes over by their name alone are written like any other, so that
    what they are is seen where the entry is compared or renamed."""
    own = service.get("environment")
    if isinstance(own, Mapping):
        for key in [key for key in own if own[key] is None and key in environment]:
            service["environment"][key] = f"${{{key}}}"
    elif own:
        service["environment"] = CommentedSeq(
            f"{one}=${{{one}}}" if one in environment else one for one in own
        )


def _env_file(stack: Stack, path: str, environment: Mapping[str, str]) -> str:
    """An environment file, where a name alone takes the variable over, too."""

    def filled(line: str) -> str:
        value = environment.get(line.strip())
        # Of several lines it can't be written in such a file.
        return line if value is None or "\n" in value else f"{line.strip()}={value}\n"

    return "".join(map(filled, _text(stack, path).splitlines(keepends=True)))


def _without_ipvs(stack: Stack, name: str, service: CommentedMap) -> Iterator[str]:
    deploy = _deploy(service)
    if deploy.get("endpoint_mode") != "dnsrr":
        deploy["endpoint_mode"] = "dnsrr"
        yield (
            f"{name}: endpoint_mode is dnsrr (its name gives the addresses of its tasks), "
            "for the nodes' kernels have no IPVS"
        )
    ports, moved = host_ports(service.get("ports") or (), where=f"{stack.path}: service {name}")
    if moved:
        service["ports"] = ports
        yield (
            f"{name}: published on the nodes that run it (mode host), not on every node: "
            f"{', '.join(moved)}; for the nodes' kernels have no IPVS"
        )


def _why_stop_first(name: str, service: CommentedMap, single_writers: Collection[str]) -> str:
    """Why two tasks in one place must never be, whatever the file says; empty if they may."""
    if publishes_on_host(service):
        return "both would need the same port of a node"
    return "both would write the same SQLite file" if name in single_writers else ""


def _in_order(
    name: str, service: CommentedMap, environment: Mapping[str, str], why: str, *, tight: bool
) -> Iterator[str]:
    """Docker's default is to stop a task before its successor runs; ours is not, where the file
    does not say. With ports of the node itself the successor could not start (moby#36934), and of
    a single writer there must not be two (`why`). Where there is no place for one more (`tight`),
    Docker's default is left as it is."""
    deploy = _deploy(service)
    if interpolate(str(deploy.get("mode", "replicated")), environment).endswith("-job"):
        return
    order = "stop-first" if why else "start-first"
    for section in ("update_config", "rollback_config"):
        if deploy.get(section) is None:
            deploy[section] = CommentedMap()
        said = interpolate(str(deploy[section].get("order") or ""), environment)
        if said == order or (said == "stop-first" and not why):
            continue
        if tight and not said:
            if section == "update_config":
                yield (
                    f"{name}: {_ORDERS['stop-first']} (Docker's order), for "
                    "`max_replicas_per_node` leaves no place for one more"
                )
            continue
        deploy[section]["order"] = order
        if section == "update_config":
            yield f"{name}: {_ORDERS[order]} (order {order})" + (f", for {why}" if why else "")


def publishes_on_host(service: Mapping[str, Any]) -> bool:
    """Whether a service's entry publishes a port of the node that a task is on."""
    return any(
        isinstance(port, Mapping) and port.get("mode") == "host"
        for port in service.get("ports") or ()
    )


def _deploy(service: CommentedMap) -> CommentedMap:
    if service.get("deploy") is None:
        service["deploy"] = CommentedMap()
    return cast(CommentedMap, service["deploy"])


def _text(stack: Stack, path: str) -> str:
    try:
        return stack.read_file(path).decode()
    except UnicodeDecodeError as error:
        raise AppError(
            "the environment file is no text", where=str(stack.path.parent / path)
        ) from error


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
