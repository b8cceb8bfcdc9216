"""The stack while two releases run beside each other: each canary is a service of its own in it.

Pure. The order of steps in which nothing is lost stands in `apps.canary_steps`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ruamel.yaml.comments import CommentedMap

from beeyard.apps.bundle import Bundle, mixed
from beeyard.apps.canary import canary_replicas, weights
from beeyard.apps.canary_labels import (
    Labels,
    canary_labels,
    carried,
    deferred,
    is_web,
    servers,
    stable_labels,
)
from beeyard.apps.compose import plain, write
from beeyard.errors import AppError

SUFFIX = "-canary"
#: The label of the services that canaries run in.
LABEL = "beeyard.canary"


@dataclass(frozen=True)
class Sides:
    """One service's two sides: how many tasks the canary has, and what a task of each weighs."""

    replicas: int
    stable: int
    canary: int

    @property
    def without_canary(self) -> "Sides":
        """The same, with no request for the canary: it runs on until it is removed."""
        return replace(self, canary=0)


def sides(share: float, new: Bundle, old: Bundle, running: Mapping[str, int]) -> dict[str, Sides]:
    """A canary for each service that both releases have and that Traefik routes to.

    `running`: how many tasks each service has now. Raises AppError where there can be none.
    """
    found = {}
    for name in sorted({*new.services} & {*old.services}):
        labels = _labels(old.services[name])
        if not is_web(labels):
            continue
        _possible(name, new)
        tasks = max(running.get(name, 1), 1)
        replicas = canary_replicas(share, tasks)
        stable, canary = weights(
            share, servers(labels, tasks), servers(_labels(new.services[name]), replicas)
        )
        found[name] = Sides(replicas, stable, canary)
    if not found:
        raise AppError(
            "no service can have a canary",
            why="Traefik routes to none that is in both releases",
            fix="deploy without --canary",
        )
    return found


def beside(new: Bundle, old: Bundle, of: Mapping[str, Sides], due: Collection[str] = ()) -> Bundle:
    """`old` with the canaries of `new` beside it; the services in `due` are `new`'s already.

    Services with a canary keep the routing that they have until their canary is gone, for
    both sides must say the same of it.
    """
    before = mixed(new, old, ()).document["services"]
    bundle = mixed(new, old, due)
    document = bundle.document
    releasing = new.document["services"]
    for name, each in of.items():
        entry = document["services"][name] = plain(document["services"][name])
        routing = _labels(before[name])
        _label(entry, stable_labels(name, carried(name, routing, _labels(entry)), each.stable))
        labels = carried(name, routing, _labels(releasing[name]))
        document["services"][f"{name}{SUFFIX}"] = _canary(
            releasing[name], canary_labels(name, labels, each.canary), each.replicas
        )
    return Bundle(write(document), bundle.environment, bundle.files)


def routing_changes(new: Bundle, old: Bundle, of: Collection[str]) -> Iterator[str]:
    """What users will see of a release only once it is promoted, a line each."""
    for name in of:
        for label in deferred(_labels(old.services[name]), _labels(new.services[name])):
            yield f"{name}: {label}"


def _possible(name: str, new: Bundle) -> None:
    if f"{name}{SUFFIX}" in new.services:
        raise AppError(
            f"the service `{name}` can't have a canary",
            why=f"the stack file has a service of that name: {name}{SUFFIX}",
            fix="give that one another name",
        )
    update = (new.services[name].get("deploy") or {}).get("update_config") or {}
    if update.get("order") != "start-first":
        raise AppError(
            f"the service `{name}` can't have a canary",
            why="its update order is stop-first: two of its releases must not run at once",
            fix="write `order: start-first` below `deploy.update_config` if they may",
        )


def _canary(service: CommentedMap, labels: Labels, replicas: int) -> CommentedMap:
    entry: CommentedMap = plain(service)
    # Traefik finds it without ports, and other services are to find the stable side only.
    entry.pop("ports", None)
    networks = entry.get("networks")
    if isinstance(networks, Mapping):
        for settings in networks.values():
            if isinstance(settings, CommentedMap):
                settings.pop("aliases", None)
    _label(entry, {**labels, LABEL: "true"})
    entry["deploy"]["replicas"] = replicas
    entry["deploy"].pop("mode", None)
    return entry


def _label(entry: CommentedMap, labels: Labels) -> None:
    deploy = entry["deploy"] = entry.get("deploy") or CommentedMap()
    deploy["labels"] = CommentedMap(labels)


def _labels(entry: Mapping[str, Any]) -> Labels:
    """A service's `deploy.labels`, as a mapping of texts; `${…}` stays."""
    raw = (entry.get("deploy") or {}).get("labels") or {}
    if isinstance(raw, Mapping):
        return {str(key): _text(value) for key, value in raw.items()}
    pairs = (str(label).partition("=") for label in raw)
    return {key: value for key, _, value in pairs}


def _text(value: object) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
