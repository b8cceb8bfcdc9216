"""The sections of a pipeline and a step, each from the file to its type in `model`.

Source: docs.drone.io, yaml/docker, and the pages of pipeline/docker/syntax.
"""

import posixpath
import re
from collections.abc import Mapping

from beeyard.pipelines.document import Listing
from beeyard.pipelines.globs import refused
from beeyard.pipelines.model import (
    Clone,
    Conditions,
    FromSecret,
    Limits,
    Match,
    Mount,
    Platform,
    Volume,
)
from beeyard.pipelines.reading import Fields, Value, meant, short
from beeyard.pipelines.sizes import size_in_bytes

EVENTS = ("push", "pull_request", "tag", "promote", "rollback", "cron", "custom")
STATUSES = ("success", "failure")
_CONDITIONS = (
    "action",
    "branch",
    "cron",
    "event",
    "instance",
    "ref",
    "repo",
    "status",
    "target",
)
_WORDS = {"event": EVENTS, "status": STATUSES}
_SYSTEMS = ("linux", "windows", "darwin", "freebsd", "netbsd", "openbsd", "dragonfly", "solaris")
_ARCHITECTURES = ("amd64", "arm64", "arm", "386")
_WORKSPACE = "/drone/src"


def conditions(value: Value) -> Conditions:
    """A `when` or a `trigger`."""
    fields = value.fields(_CONDITIONS)
    return Conditions(**{one.name(): _match(one) for one in fields if not one.empty})


def _match(value: Value) -> Match:
    """One condition: a list, a single value, or `include` and `exclude`."""
    if value.entries_or_none() is not None:
        fields = value.fields(("include", "exclude"))
        return Match(
            fields.read("include", lambda one: _patterns(one, value.name()), ()),
            fields.read("exclude", lambda one: _patterns(one, value.name()), ()),
        )
    return Match(_patterns(value, value.name()))


def _patterns(value: Value, condition: str) -> tuple[str, ...]:
    """Globs. Where only certain words can be, one that is none of them would never match."""
    single = value.scalar_or_none() is not None
    found = []
    for one in (value,) if single else value.values():
        pattern = one.text()
        found.append(pattern)
        words = _WORDS.get(condition, ())
        why = refused(pattern)
        if why:
            one.wrong(why, "Write several shorter ones.")
        elif words and pattern not in words and not re.search(r"[*?\[{]", pattern):
            one.wrong(f"there is no {condition} `{short(pattern)}`", meant(pattern, words))
    return tuple(found)


def environment(value: Value) -> Mapping[str, str | FromSecret]:
    """Variables. Numbers and booleans are the text that stands there."""
    found: dict[str, str | FromSecret] = {}
    if isinstance(value.node, Listing):
        value.mistyped("a section", "Write `NAME: value` on each line, instead of `- NAME=value`.")
        return found
    for one in value.entries():
        name = one.name()
        if not name or "=" in name or "\x00" in name:
            one.wrong_key("this can't be the name of a variable", "Use letters, digits and `_`.")
        found[name] = from_secret(one) or one.text()
    return found


def from_secret(value: Value) -> FromSecret | None:
    """The secret that `{from_secret: NAME}` names; None for any other value."""
    entries = value.entries_or_none() or ()
    if not any(one.name() == "from_secret" for one in entries):
        return None
    fields = value.fields(("from_secret",))
    return FromSecret(fields.required("from_secret", "NAME"))


def clone(value: Value) -> Clone:
    fields = value.fields(("disable", "depth", "retries"))
    return Clone(
        fields.flag("disable"),
        fields.read("depth", lambda one: one.number(0, 1_000_000), 0),
        fields.read("retries", lambda one: one.number(0, 20), 0),
    )


def platform(value: Value) -> Platform:
    """`version` is taken and not kept: it only tells Windows servers apart."""
    fields = value.fields(("os", "arch", "variant", "version"))
    fields.text("version")
    return Platform(
        fields.read("os", lambda one: one.choice(_SYSTEMS), ""),
        fields.read("arch", lambda one: one.choice(_ARCHITECTURES), ""),
        fields.text("variant"),
    )


def workspace(value: Value) -> str:
    """Its path. `base`, where there is one, comes before it (docs.drone.io,
    pipeline/docker/examples/languages/golang_gopath)."""
    fields = value.fields(("path", "base"))
    base = fields.get("base")
    if base is None:
        return fields.read("path", Value.absolute_path, _WORKSPACE)
    return posixpath.normpath(posixpath.join(base.absolute_path(), fields.text("path")))


def volume(value: Value) -> Volume:
    """A volume of the pipeline."""
    fields = value.fields(("name", "temp", "host"))
    name = fields.required("name", "cache")
    if fields.has("temp") == fields.has("host"):
        value.wrong("a volume is either `temp` or `host`", "Add `temp: {}`, or keep one of both.")
    host = fields.get("host")
    if host is not None:
        inside = host.fields(("path",))
        inside.required("path", "/var/lib/cache")
        return Volume(name, "host", inside.read("path", Value.absolute_path, ""))
    temporary = fields.get("temp")
    if temporary is None:
        return Volume(name, "temp")
    inside = temporary.fields(("medium", "size_limit"))
    return Volume(
        name,
        "temp",
        medium=inside.read("medium", lambda one: one.choice(("memory",)), ""),
        size=inside.read("size_limit", size, 0),
    )


def mount(value: Value) -> Mount:
    """A volume in a step, or a device."""
    fields = value.fields(("name", "path"))
    fields.required("path", "/cache")
    return Mount(fields.required("name", "cache"), fields.read("path", Value.absolute_path, ""))


def size(value: Value) -> int:
    """A size in bytes."""
    found = size_in_bytes(value.text())
    if found is None:
        value.wrong("this is no size", "Write such as 64m, 1gb or 512MiB.")
    return found or 0


def limits(value: Value) -> Limits:
    """`resources`, of which there are only `limits`."""
    inside = value.fields(("limits",)).get("limits")
    if inside is None:
        return Limits()
    fields = inside.fields(("cpu", "memory"))
    return Limits(fields.read("cpu", _processors, 0.0), fields.read("memory", size, 0))


def _processors(value: Value) -> float:
    """Processors. A whole number is thousandths, as for Kubernetes (docs.drone.io,
    pipeline/kubernetes/syntax/steps: `cpu: 500`); one with a point is processors."""
    written = value.text()
    if re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,6}", written):
        found = float(written)
    elif re.fullmatch(r"[0-9]{1,7}m?", written):
        found = int(written.removesuffix("m")) / 1000
    else:
        value.wrong("this is no number of processors", "Write such as 500 (a half) or 1.5.")
        return 0.0
    if found < 0.01:
        value.wrong("this is less than a hundredth of a processor", "Write 1000, or 1.0, for one.")
    return found


def concurrency(value: Value) -> int:
    fields = value.fields(("limit",))
    return fields.read("limit", lambda one: one.number(0, 1000), 0)


def labels(value: Value) -> Mapping[str, str]:
    """`node`."""
    return {one.name(): one.text() for one in value.entries()}


def ports(fields: Fields) -> tuple[int, ...]:
    return tuple(one.number(1, 65535) for one in fields.values("ports"))
