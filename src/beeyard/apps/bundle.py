"""`Bundle`: all that `docker stack deploy` is given, and the mixtures of two that a rollout needs.

A release is rolled out in waves: the services that are due get their new definition, the others
keep the one that they have. Both stand in one stack file then, so the older one's variables and
environment files go by other names in it.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ruamel.yaml.comments import CommentedMap

from beeyard.apps.compose import plain, read, texts_changed, variables_renamed, write
from beeyard.config.interpolation import interpolate

#: Top-level sections of which a stack file's services name entries.
SECTIONS = ("networks", "volumes", "secrets", "configs")
_OLD_FOLDER = "previous"
_OLD_PREFIX = "BEEYARD_PREVIOUS_"


@dataclass(frozen=True)
class Bundle:
    """A stack file, what fills its `${…}`, and the environment files that it names, by path."""

    text: str
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def document(self) -> CommentedMap:
        """The stack file. A new copy with every call."""
        copy: CommentedMap = plain(self._read)
        return copy

    @property
    def services(self) -> Mapping[str, Mapping[str, Any]]:
        """The services' entries, by name; not to be changed."""
        services: Mapping[str, Mapping[str, Any]] = self._read["services"]
        return services

    @property
    def images(self) -> frozenset[str]:
        """What its services run, as far as they name an image."""
        named = (entry.get("image") for entry in self.services.values())
        return frozenset(interpolate(str(one), self.environment) for one in named if one)

    @cached_property
    def _read(self) -> CommentedMap:
        return read(self.text)


def mixed(new: Bundle, old: Bundle, due: Collection[str]) -> Bundle:
    """`new` as far as its services in `due` go; the services of `old` that are not due stay as they
    are there, and those that only `new` has and are not due are not there yet."""
    document, before = new.document, _aside(old)
    document["services"] = _services(document["services"], before["services"], due)
    for section in SECTIONS:
        # By the same name it is the same thing: secrets and configs are named by their content, and
        # what Docker made of a network or volume it does not make again.
        both = {**(before.get(section) or {}), **(document.get(section) or {})}
        if both:
            document[section] = CommentedMap(both)
    return Bundle(
        write(document),
        {**new.environment, **{f"{_OLD_PREFIX}{k}": v for k, v in old.environment.items()}},
        {**new.files, **{f"{_OLD_FOLDER}/{path}": text for path, text in old.files.items()}},
    )


def only(bundle: Bundle, service: str, name: str, changes: Mapping[str, Any]) -> Bundle:
    """A stack of one service: `service` by the name `name`, with `changes` to its entry (None: take
    the key out)."""
    document = bundle.document
    entry = document["services"][service]
    for key, value in changes.items():
        if value is None:
            entry.pop(key, None)
        else:
            entry[key] = value
    document["services"] = CommentedMap({name: entry})
    return Bundle(write(document), bundle.environment, bundle.files)


def secrets_renamed(bundle: Bundle, names: Mapping[str, str]) -> Bundle:
    """The same with other secrets of the Swarm in the place of some, mounted where those were."""
    document = bundle.document
    for entry in document["services"].values():
        for used in entry.get("secrets") or ():
            used["source"] = names.get(used["source"], used["source"])
    if document.get("secrets"):
        document["secrets"] = CommentedMap(
            {
                names.get(str(key), str(key)): CommentedMap(
                    {**made, "name": names.get(str(made["name"]), made["name"])}
                )
                for key, made in document["secrets"].items()
            }
        )
    return Bundle(write(document), bundle.environment, bundle.files)


def env_files(entry: Mapping[str, Any]) -> Iterator[str]:
    """The environment files that a service's entry names."""
    named = entry.get("env_file") or ()
    yield from [named] if isinstance(named, str) else [str(name) for name in named]


def fingerprints(bundle: Bundle) -> dict[str, str]:
    """For each service a hash of all that the bundle says of how it runs."""
    document = texts_changed(bundle.document, lambda text: interpolate(text, bundle.environment))
    return {
        name: _fingerprint(entry, document, bundle) for name, entry in document["services"].items()
    }


def _fingerprint(entry: Mapping[str, Any], document: CommentedMap, bundle: Bundle) -> str:
    # The Swarm knows nothing of `depends_on`: it is for the order of a rollout.
    own = {key: value for key, value in entry.items() if key != "depends_on"}
    parts = [own, *_used(entry, document), *(bundle.files.get(path) for path in env_files(entry))]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _used(entry: Mapping[str, Any], document: CommentedMap) -> list[dict[str, Any]]:
    """The networks and volumes of its stack file that a service is in or mounts."""
    named = {
        "networks": set(entry.get("networks") or ("default",)),
        "volumes": {_source(volume) for volume in entry.get("volumes") or ()},
    }
    return [
        {name: made for name, made in (document.get(section) or {}).items() if name in names}
        for section, names in named.items()
    ]


def _source(volume: Any) -> str:
    """What a mount shows: a volume's name, or a path."""
    if isinstance(volume, Mapping):
        return str(volume.get("source"))
    return str(volume).partition(":")[0]


def _services(new: CommentedMap, old: CommentedMap, due: Collection[str]) -> CommentedMap:
    services = CommentedMap()
    for name, entry in new.items():
        if name in due:
            services[name] = entry
        elif name in old:
            services[name] = old[name]
    services.update({name: entry for name, entry in old.items() if name not in new})
    return services


def _aside(old: Bundle) -> CommentedMap:
    """`old`'s document with its variables and environment files under other names."""
    document: CommentedMap = texts_changed(
        old.document, lambda text: variables_renamed(text, _OLD_PREFIX)
    )
    for entry in document["services"].values():
        paths = [f"{_OLD_FOLDER}/{path}" for path in env_files(entry)]
        if paths:
            entry["env_file"] = paths
    return document
