"""A release as files that `docker stack deploy` takes by themselves.

Its variables are filled in. Where the Docker CLI makes a number or a truth of what filled a text,
the file says one: a text that has no variable any more it leaves a text.
"""

import re
from collections.abc import Mapping
from typing import Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from beeyard.apps.bundle import Bundle
from beeyard.apps.compose import write
from beeyard.apps.deploy import with_replicas
from beeyard.apps.release import Release
from beeyard.config.interpolation import interpolate, variables

STACK_FILE = "stack.yml"
# Source: docker/cli, cli/compose/loader/interpolate.go, interpolateTypeCastMapping. `*` is any one.
_NUMBERS = (
    *("services.*.configs.*.mode", "services.*.secrets.*.mode", "services.*.healthcheck.retries"),
    *("services.*.deploy.replicas", "services.*.deploy.placement.max_replicas_per_node"),
    *(
        "services.*.deploy.update_config.parallelism",
        "services.*.deploy.rollback_config.parallelism",
    ),
    "services.*.deploy.update_config.max_failure_ratio",
    "services.*.deploy.rollback_config.max_failure_ratio",
    "services.*.deploy.restart_policy.max_attempts",
    *("services.*.ports.*.target", "services.*.ports.*.published"),
    *("services.*.ulimits.*", "services.*.ulimits.*.hard", "services.*.ulimits.*.soft"),
)
_TRUTHS = (
    *("services.*.healthcheck.disable", "services.*.privileged", "services.*.read_only"),
    *("services.*.stdin_open", "services.*.tty", "services.*.volumes.*.read_only"),
    "services.*.volumes.*.volume.nocopy",
    *("networks.*.external", "networks.*.internal", "networks.*.attachable"),
    *("volumes.*.external", "secrets.*.external", "configs.*.external"),
)
# Source: the same file, toBoolean.
_TRUE, _FALSE = (
    frozenset({"1", "true", "y", "yes", "on"}),
    frozenset({"0", "false", "n", "no", "off"}),
)


def plain_files(release: Release, replicas: Mapping[str, int]) -> dict[str, str]:
    """The stack file and the environment files that it names, by path.

    `replicas`: how many each service has now, so that what somebody scaled to stays.
    """
    bundle = with_replicas(
        release.bundle,
        {name: number for name, number in replicas.items() if name in release.bundle.services},
    )
    head = f"# Release {release.number} of {release.application}, with its variables filled in.\n"
    return {**bundle.files, STACK_FILE: head + write(filled(bundle))}


def filled(bundle: Bundle) -> CommentedMap:
    """The bundle's document with its variables filled in; its environment is not needed with it."""
    document: CommentedMap = _filled(bundle.document, bundle.environment, ())
    return document


def _filled(node: Any, environment: Mapping[str, str], path: tuple[str, ...]) -> Any:
    if isinstance(node, Mapping):
        copy = CommentedMap()
        for key in node:
            copy[key] = _filled(node[key], environment, (*path, str(key)))
        return copy
    if isinstance(node, list):
        items = enumerate(node)
        return CommentedSeq(_filled(item, environment, (*path, str(at))) for at, item in items)
    if isinstance(node, str):
        text = interpolate(node, environment)
        cast = _cast(text, path) if any(variables(node)) else None
        # What is a dollar by now would be the start of a variable to the Docker CLI.
        return type(node)(text.replace("$", "$$")) if cast is None else cast
    return node


def _cast(text: str, path: tuple[str, ...]) -> int | float | bool | None:
    """What the Docker CLI makes of a text that filled this place; None where it stays a text."""
    if _is_among(_TRUTHS, path) and text.lower() in _TRUE | _FALSE:
        return text.lower() in _TRUE
    if _is_among(_NUMBERS, path) and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if _is_among(_NUMBERS, path) and re.fullmatch(r"[+-]?\d*\.\d+", text):
        return float(text)
    return None


def _is_among(patterns: tuple[str, ...], path: tuple[str, ...]) -> bool:
    return any(
        len(parts) == len(path)
        and all(part in {"*", name} for part, name in zip(parts, path, strict=True))
        for parts in (pattern.split(".") for pattern in patterns)
    )
