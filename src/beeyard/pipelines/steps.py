"""Steps and services: from the file to `model.Step`.

Source: docs.drone.io, yaml/docker, "The Step object", and pipeline/docker/syntax/steps. What is not
there but is known of Drone's docker pipelines: `shm_size`, `dns`, `dns_search`, `extra_hosts`,
`devices`, `ports`, `working_dir`, `hostname`, `shell`, `resources`.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

from beeyard.pipelines import sections
from beeyard.pipelines.document import Listing, Scalar, Section
from beeyard.pipelines.model import Conditions, Failure, Limits, Pull, Step
from beeyard.pipelines.reading import Fields, Value

_KEYS = (
    "name",
    "image",
    "commands",
    "environment",
    "settings",
    "when",
    "depends_on",
    "detach",
    "failure",
    "pull",
    "privileged",
    "user",
    "volumes",
    "entrypoint",
    "command",
    "shell",
    "working_dir",
    "network_mode",
    "hostname",
    "dns",
    "dns_search",
    "extra_hosts",
    "devices",
    "ports",
    "shm_size",
    "resources",
)
_PULLS = ("if-not-exists", "always", "never")
_FAILURES = ("always", "ignore")
NONE: Mapping[str, Any] = {}
# A name becomes part of paths and of the names of containers.
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,100}")


def step(value: Value, *, service: bool = False) -> Step:
    """One item of `steps` or `services`."""
    fields = value.fields(_KEYS)
    return Step(
        name=checked_name(fields, "build"),
        image=_image(fields),
        **_what_runs(fields),
        **_what_it_sees(fields),
        when=fields.read("when", sections.conditions, Conditions()),
        depends_on=fields.texts("depends_on"),
        detach=service or fields.flag("detach"),
        failure=cast(Failure, fields.read("failure", lambda one: one.choice(_FAILURES), "always")),
        pull=cast(Pull, fields.read("pull", lambda one: one.choice(_PULLS), "default")),
        privileged=fields.flag("privileged"),
        limits=fields.read("resources", sections.limits, Limits()),
        line=value.place.line,
    )


def checked_name(fields: Fields, example: str) -> str:
    """The name of a step or a pipeline, which has to be there."""
    name = fields.required("name", example)
    if name and (not _NAME.fullmatch(name) or name in (".", "..")):
        fields.by_key["name"].wrong(
            "this can't be a name",
            "Use letters, digits, `-` and `_`, 100 at most; no slashes.",
        )
    return name


def _image(fields: Fields) -> str:
    image = fields.required("image", "alpine:3.20")
    if image and re.search(r"\s", image):
        fields.by_key["image"].wrong("an image's name has no spaces", "Write such as golang:1.22.")
    return image


def _what_runs(fields: Fields) -> dict[str, Any]:
    commands = fields.values("commands")
    for key in ("entrypoint", "command"):
        other = fields.get(key)
        if commands and other is not None:
            other.wrong_key(
                "this can't stand beside `commands`",
                "Keep one of the two.",
            )
    return {
        "commands": tuple(one.text() for one in commands),
        "entrypoint": fields.texts("entrypoint"),
        "command": fields.texts("command"),
        "shell": fields.text("shell"),
        "user": fields.text("user"),
        "working_dir": fields.text("working_dir"),
    }


def _what_it_sees(fields: Fields) -> dict[str, Any]:
    return {
        "environment": fields.read("environment", sections.environment, NONE),
        "settings": fields.read("settings", _settings, NONE),
        "network_mode": fields.text("network_mode"),
        "hostname": fields.text("hostname"),
        "dns": fields.texts("dns"),
        "dns_search": fields.texts("dns_search"),
        "extra_hosts": fields.texts("extra_hosts"),
        "devices": tuple(sections.mount(one) for one in fields.values("devices")),
        "volumes": tuple(sections.mount(one) for one in fields.values("volumes")),
        "ports": sections.ports(fields),
        "shm_size": fields.read("shm_size", sections.size, 0),
    }


def _settings(value: Value) -> Mapping[str, Any]:
    return {one.name(): _setting(one) for one in value.entries()}


def _setting(value: Value) -> Any:
    """A value of any depth. Numbers keep the digits that are written: 1.10 is not 1.1."""
    secret = sections.from_secret(value)
    if secret is not None:
        return secret
    node = value.node
    if isinstance(node, Section):
        return {one.name(): _setting(one) for one in value.entries()}
    if isinstance(node, Listing):
        return [_setting(one) for one in value.values()]
    return _scalar(node)


def _scalar(node: Scalar) -> str | bool | int | Decimal | None:
    if not node.plain:
        return node.text
    if node.is_null:
        return None
    if node.text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return node.text.lower() == "true"
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", node.text):
        return int(node.text)
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,18}", node.text):
        return Decimal(node.text)
    return node.text
