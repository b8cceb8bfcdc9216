"""Secrets and configs by names with a hash of their content.

The Swarm can't change either (moby#35048), so another content is another object, and a release that
names it by its hash names that content for ever. Those that a stack file calls external are looked
up: the version that `beeyard secret set` made last, or the object of that very name.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, cast

from docker import DockerClient
from docker.errors import APIError

from beeyard.apps.stack import Stack
from beeyard.config.interpolation import interpolate
from beeyard.errors import AppError
from beeyard.secret import Secret
from beeyard.swarm import in_words
from beeyard.swarm.objects import relabel

Section = Literal["secrets", "configs"]
SECTIONS: tuple[Section, Section] = ("secrets", "configs")

APPLICATION = "beeyard.application"
_STACK = "com.docker.stack.namespace"
_NAME, _SET_AT = "beeyard.secret", "beeyard.set-at"
_LENGTH = 12


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
    """One content of a secret. `name` is what a stack file calls it; None of it can be read."""

    id: str
    name: str
    version: str
    set_at: datetime
    used_by: tuple[str, ...]


def contents(stack: Stack, application: str) -> tuple[Content, ...]:
    """The secrets and configs that the stack file takes from files. Raises AppError for a file that
    is not there or is not below the stack file's folder."""
    return tuple(
        _content(stack, application, section, key, entry)
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
    stack: Stack, application: str, environment: Mapping[str, str], client: DockerClient
) -> dict[tuple[str, str], str]:
    """The Swarm's names of the secrets and configs that the stack file calls external.

    Raises AppError that names all those that the Swarm does not hold.
    """
    held = {section: _held(client, section) for section in SECTIONS}
    latest = {one.name: one.version for one in versions(client, application)}
    found: dict[tuple[str, str], str] = {}
    missing: list[str] = []
    for section in SECTIONS:
        for key, entry in _entries(stack, section):
            if not entry.get("external"):
                continue
            name = interpolate(_external_name(key, entry), environment)
            real = latest.get(name, name) if section == "secrets" else name
            found[section, key] = real
            if real not in held[section]:
                missing.append(f"{section[:-1]} {name}")
    if missing:
        raise AppError(
            f"the Swarm does not hold what {application} needs: {', '.join(missing)}",
            where=str(stack.path),
            fix=f"beeyard secret set {application} NAME, or below `secrets` in beeyard.yml say where "
            "it comes from and run `beeyard up`",
        )
    return found


def set_secret(client: DockerClient, application: str, name: str, value: Secret) -> str:
    """Keep a new content of the secret `name`; releases from now on use it. Gives its version.

    The same content again is the same version. Raises SwarmError if the Swarm refuses it.
    """
    version = f"{name}.{_secret_hash(application, name, value.reveal().encode())}"
    now = datetime.now(UTC).isoformat()
    labels = {APPLICATION: application, _STACK: application, _NAME: name, _SET_AT: now}
    with in_words(f"the Swarm did not take the secret {name}"):
        api = cast(Any, client.api)
        for raw in api.secrets(filters={"name": [version]}):
            if raw["Spec"]["Name"] == version:
                relabel(api, "secrets", raw, {**raw["Spec"]["Labels"], **labels})
                return version
        api.create_secret(version, value.reveal().encode(), labels)
    return version


def versions(client: DockerClient, application: str) -> list[SecretVersion]:
    """What `set_secret` keeps of an application, by name, the version in use from now on last."""
    with in_words("the Swarm did not say which secrets it holds"):
        api = cast(Any, client.api)
        raws = api.secrets(filters={"label": [f"{APPLICATION}={application}", _NAME]})
        users = _users(api)
    made = [
        SecretVersion(
            id=raw["ID"],
            name=raw["Spec"]["Labels"][_NAME],
            version=raw["Spec"]["Name"],
            set_at=datetime.fromisoformat(raw["Spec"]["Labels"][_SET_AT]),
            used_by=tuple(users.get(raw["Spec"]["Name"], ())),
        )
        for raw in raws
    ]
    return sorted(made, key=lambda one: (one.name, one.set_at))


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


def _content(
    stack: Stack, application: str, section: Section, key: str, entry: Mapping[str, Any]
) -> Content:
    data = stack.read_file(str(entry["file"]))
    digest = (
        _secret_hash(application, key, data)
        if section == "secrets"
        else hashlib.sha256(data).hexdigest()[:_LENGTH]
    )
    return Content(
        section, key, f"{application}_{key}.{digest}", data, entry.get("template_driver")
    )


def _create(client: DockerClient, application: str, content: Content) -> None:
    labels = {APPLICATION: application, _STACK: application}
    singular = content.section[:-1]
    with in_words(f"the Swarm did not take the {singular} {content.key}"):
        api = cast(Any, client.api)
        options = (
            {"templating": {"name": content.template_driver}} if content.template_driver else {}
        )
        if content.section == "configs":
            api.create_config(content.name, content.data, labels, **options)
        else:
            api.create_secret(content.name, content.data, labels)


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
