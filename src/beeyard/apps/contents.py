"""Secrets and configs by names with a hash of their content.

The Swarm can't change either (moby#35048), so another content is another object, and a release that
names it by its hash names that content for ever. Those that a stack file calls external are looked
up: the version that `beeyard secret set` made last, or the object of that very name.
"""

import base64
import hashlib
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, cast

from docker import DockerClient
from docker.errors import APIError

from beeyard.apps.stack import Stack
from beeyard.config.interpolation import interpolate
from beeyard.errors import AppError
from beeyard.secret import Secret
from beeyard.swarm import in_words
from beeyard.swarm.manager import raise_for
from beeyard.swarm.objects import relabel

Section = Literal["secrets", "configs"]
SECTIONS: tuple[Section, Section] = ("secrets", "configs")

APPLICATION = "beeyard.application"
REVOKED = "beeyard.revoked"
_STACK = "com.docker.stack.namespace"
_NAME = "beeyard.secret"
_LENGTH = 12
#: Characters that the Swarm takes for a name.
_LONGEST = 64
_VERSION = re.compile(rf"(.+)\.[0-9a-f]{{{_LENGTH}}}")


@dataclass(frozen=True)
class Content:
    """What a stack file takes from a file of its folder. `name` is what the Swarm knows it by."""

    section: Section
    key: str
    name: str
    data: bytes = field(repr=False)
    template_driver: str | None = None


@dataclass(frozen=True)
class SecretVersion:
    """One content of a secret; what it is nobody can read.

    name      what a stack file calls it
    version   what the Swarm calls it: the name itself, where `set_secret` did not make it
    set_at    when, by the manager's clock
    used_by   the services that have it
    """

    name: str
    version: str
    set_at: datetime
    used_by: tuple[str, ...]


def contents(
    stack: Stack, application: str, environment: Mapping[str, str] = MappingProxyType({})
) -> tuple[Content, ...]:
    """The secrets and configs that the stack file takes from files, whose paths `environment`
    fills. Raises AppError for a file that is not there or is not below the stack file's folder."""
    return tuple(
        _content(stack, application, section, key, _filled(entry, environment))
        for section in SECTIONS
        for key, entry in _entries(stack, section)
        if entry.get("file")
    )


def ensure(client: DockerClient, application: str, wanted: Iterable[Content]) -> None:
    """See to it that the Swarm holds these. Raises SwarmError if it refuses one."""
    held = {section: _held(client, section) for section in SECTIONS}
    for content in wanted:
        if content.name not in held[content.section]:
            _create(client, application, content)


def external(
    stack: Stack,
    application: str,
    environment: Mapping[str, str],
    client: DockerClient,
    coming: Collection[str] = (),
) -> dict[tuple[str, str], str]:
    """The Swarm's names of the secrets and configs that the stack file calls external.

    Raises AppError that names all those that the Swarm does not hold, save secrets in `coming`:
    they will be there.
    """
    held = {section: _held(client, section) for section in SECTIONS}
    latest = {one.name: one.version for one in versions(client, application)}
    found: dict[tuple[str, str], str] = {}
    missing: list[str] = []
    for (section, key), name in external_names(stack, environment).items():
        found[section, key] = latest.get(name, name) if section == "secrets" else name
        if section == "secrets" and name in coming:
            continue
        if found[section, key] not in held[section]:
            missing.append(f"{section[:-1]} {name}")
    if missing:
        raise AppError(
            f"the Swarm does not hold what {application} needs: {', '.join(missing)}",
            where=str(stack.path),
            fix=f"beeyard secret set {application} NAME, or say below `secrets` in beeyard.yml "
            "where it comes from and run `beeyard up`",
        )
    return found


def external_names(stack: Stack, environment: Mapping[str, str]) -> dict[tuple[Section, str], str]:
    """What the stack file calls external, by section and key: the names outside."""
    return {
        (section, key): interpolate(_external_name(key, entry), environment)
        for section in SECTIONS
        for key, entry in _entries(stack, section)
        if entry.get("external")
    }


def set_secret(client: DockerClient, application: str, name: str, value: Secret) -> str:
    """Keep a content of the secret `name`; releases from now on use it. Gives its version.

    The same content again is the same version, and the one in use from now on. Raises AppError for
    a name that is too long, SwarmError if the Swarm refuses it.
    """
    version = f"{name}.{_secret_hash(application, name, value.reveal().encode())}"
    if len(version) > _LONGEST:
        raise AppError(
            f"the name {name} is too long for a secret",
            why=f"with the mark of its version it has {len(version)} characters, and the Swarm "
            f"takes {_LONGEST}",
            fix=f"use {_LONGEST - _LENGTH - 1} characters at most",
        )
    labels = {APPLICATION: application, _NAME: name}
    with in_words(f"the Swarm did not take the secret {name}"):
        api = cast(Any, client.api)
        for raw in api.secrets(filters={"name": [version]}):
            if raw["Spec"]["Name"] == version:
                # Nothing is new but the time of the last change, by which versions are ordered.
                kept = {**(raw["Spec"].get("Labels") or {}), **labels}
                kept.pop(REVOKED, None)
                relabel(api, "secrets", raw, kept)
                return version
        api.create_secret(version, value.reveal().encode(), labels)
    return version


def versions(
    client: DockerClient, application: str, others: Collection[str] = ()
) -> list[SecretVersion]:
    """What `set_secret` keeps of an application, by name, the version in use from now on last.

    others   names of secrets of which those count, too, that `set_secret` did not make: they are in
             use where there is no other
    """
    with in_words("the Swarm did not say which secrets it holds"):
        api = cast(Any, client.api)
        raws, users = api.secrets(), _users(api)
    found = []
    for raw in raws:
        spec, labels = raw["Spec"], raw["Spec"].get("Labels") or {}
        ours = labels.get(APPLICATION) == application and _NAME in labels
        name = labels[_NAME] if ours else spec["Name"]
        if ours or name in others:
            made = SecretVersion(
                name, spec["Name"], _time(raw["UpdatedAt"]), tuple(users.get(spec["Name"], ()))
            )
            # Not by time: the Swarm counts its changes, and clocks may go wrong.
            good = REVOKED not in labels
            found.append(((name, ours, good, raw["Version"]["Index"]), made))
    return [made for _, made in sorted(found, key=lambda pair: pair[0])]


def labels_of(client: DockerClient, name: str) -> dict[str, str]:
    """The labels of a secret; none where there is no such secret. Raises SwarmError."""
    with in_words(f"the Swarm did not say what it knows of {name}"):
        for raw in cast(Any, client.api).secrets(filters={"name": [name]}):
            if raw["Spec"]["Name"] == name:
                return dict(raw["Spec"].get("Labels") or {})
    return {}


def revoke(client: DockerClient, name: str) -> None:
    """Note of a secret that it is good for nothing any more: no release is to use it again."""
    with in_words(f"the Swarm did not take a note of {name}"):
        api = cast(Any, client.api)
        for raw in api.secrets(filters={"name": [name]}):
            if raw["Spec"]["Name"] == name:
                relabel(api, "secrets", raw, {**(raw["Spec"].get("Labels") or {}), REVOKED: "true"})


def successors(client: DockerClient, application: str, names: Collection[str]) -> dict[str, str]:
    """For those of `names` that were revoked: what took their place."""
    plain = {match[1] if (match := _VERSION.fullmatch(name)) else name for name in names}
    latest = {one.name: one.version for one in versions(client, application, plain)}
    return {
        name: latest[kept]
        for name in names
        if REVOKED in labels_of(client, name)
        and (kept := match[1] if (match := _VERSION.fullmatch(name)) else name) in latest
    }


def version_of(names: Iterable[str], name: str) -> str | None:
    """Which of a release's secrets is that of this name."""
    for one in names:
        found = _VERSION.fullmatch(one)
        if one == name or (found and found[1] == name):
            return one
    return None


def names_with_versions(secrets: Iterable[str]) -> set[str]:
    """The names of which `set_secret` has made versions, from the names that the Swarm knows."""
    return {match[1] for match in map(_VERSION.fullmatch, secrets) if match}


def made_by(client: DockerClient, application: str, section: Section) -> set[str]:
    """The names of what releases of an application brought, without what others made and without
    the version of each secret that the next release gets. Raises SwarmError."""
    with in_words(f"the Swarm did not say which {section} it holds"):
        raws = getattr(cast(Any, client.api), section)(
            filters={"label": [f"{APPLICATION}={application}"]}
        )
    # What `up` made has the application's label as well, and neither of these.
    ours = [raw["Spec"] for raw in raws if {_STACK, _NAME} & set(raw["Spec"]["Labels"])]
    latest = {one.name: one.version for one in versions(client, application)}
    return {str(spec["Name"]) for spec in ours} - set(latest.values())


def remove(client: DockerClient, section: Section, names: Iterable[str]) -> list[str]:
    """Remove these from the Swarm; gives those that went. One that a service uses stays."""
    gone: list[str] = []
    for name in names:
        with in_words(f"the Swarm did not remove {name}"):
            api = cast(Any, client.api)
            try:
                getattr(api, f"remove_{section[:-1]}")(name)
            except APIError as error:
                if error.status_code not in (400, 404):
                    raise
                continue
        gone.append(name)
    return gone


def _filled(entry: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, str]:
    keys = ("file", "template_driver")
    return {key: interpolate(str(entry[key]), environment) for key in keys if entry.get(key)}


def _content(
    stack: Stack, application: str, section: Section, key: str, entry: Mapping[str, str]
) -> Content:
    data, driver = stack.read_file(entry["file"]), entry.get("template_driver")
    # What is done with it is part of it, for neither can be changed.
    hashed = data if driver is None else driver.encode() + b"\0" + data
    digest = (
        _secret_hash(application, key, hashed)
        if section == "secrets"
        else hashlib.sha256(hashed).hexdigest()[:_LENGTH]
    )
    return Content(section, key, f"{application}_{key}.{digest}", data, driver)


def _create(client: DockerClient, application: str, content: Content) -> None:
    labels = {APPLICATION: application, _STACK: application}
    singular = content.section[:-1]
    with in_words(f"the Swarm did not take the {singular} {content.key}"):
        api = cast(Any, client.api)
        made: dict[str, Any] = {
            "Name": content.name,
            "Data": base64.b64encode(content.data).decode(),
            "Labels": labels,
        }
        if content.template_driver:
            made["Templating"] = {"Name": content.template_driver}
        # The SDK's call for secrets knows of no template driver; this is the same for both.
        url = f"{api.base_url}/v{api.api_version}/{content.section}/create"
        raise_for(api.post(url, json=made, timeout=api.timeout))


def _secret_hash(application: str, name: str, data: bytes) -> str:
    """Slow on purpose: whoever sees a name can't try out what the secret may be at any rate."""
    salt = f"{application}/{name}".encode()
    return hashlib.scrypt(data, salt=salt, n=2**14, r=8, p=1).hex()[:_LENGTH]


def _users(api: Any) -> dict[str, list[str]]:
    """Services by the secrets that they use."""
    found: dict[str, list[str]] = {}
    for service in api.services():
        container = service["Spec"]["TaskTemplate"].get("ContainerSpec") or {}
        for secret in container.get("Secrets") or ():
            found.setdefault(secret["SecretName"], []).append(service["Spec"]["Name"])
    return found


def _time(text: str) -> datetime:
    """Go's RFC 3339, in UTC, to the second."""
    return datetime.fromisoformat(f"{text[:19]}+00:00")


def _held(client: DockerClient, section: Section) -> set[str]:
    with in_words(f"the Swarm did not say which {section} it holds"):
        return {raw["Spec"]["Name"] for raw in getattr(client.api, section)()}


def _entries(stack: Stack, section: Section) -> list[tuple[str, Mapping[str, Any]]]:
    return [(str(key), entry or {}) for key, entry in (stack.document.get(section) or {}).items()]


def _external_name(key: str, entry: Mapping[str, Any]) -> str:
    """`external: true` with `name:` beside it, or Compose 3.0's `external: {name: …}`."""
    outside = entry["external"]
    if isinstance(outside, Mapping) and outside.get("name"):
        return str(outside["name"])
    return str(entry.get("name") or key)
