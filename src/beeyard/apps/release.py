"""`Release`: everything that decides what of an application runs, and what became of it.

A release never changes. What is known only later (`Verdict`, with its `Receipt`) is kept beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self

from pydantic import TypeAdapter

from beeyard.apps.bundle import Bundle
from beeyard.apps.traffic import Traffic

#: abandoned: its deploy was cut short before anything was switched.
Word = Literal["succeeded", "failed", "abandoned"]


@dataclass(frozen=True)
class Hook:
    """A task of its own before or after the switch: a command in a service's container."""

    service: str
    command: tuple[str, ...]
    timeout: float


@dataclass(frozen=True)
class Origin:
    """Who made a release, when, from what. `commit` ends with `+` if files had changed since."""

    author: str
    at: datetime
    commit: str | None
    cause: str = "deploy"


@dataclass(frozen=True)
class Release:
    """One release of an application.

    images     what each service runs, named by digest
    secrets, configs   the Swarm's objects that it uses, named by a hash of their content
    adaptations        what was changed in the team's stack file for this cluster, in words
    """

    application: str
    number: int
    bundle: Bundle
    images: Mapping[str, str]
    secrets: tuple[str, ...]
    configs: tuple[str, ...]
    origin: Origin
    adaptations: tuple[str, ...] = ()
    pre_deploy: Hook | None = None
    post_deploy: Hook | None = None

    def to_json(self) -> bytes:
        return TypeAdapter(Release).dump_json(self)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        return TypeAdapter(cls).validate_json(data)


@dataclass(frozen=True)
class Receipt:
    """What a deploy did.

    phases     seconds by phase, in order
    changes    what was done to which service
    before, during   what the application's users would have seen, up to the switch and from it on
    gaps       seconds without any task, of services whose tasks stop before their successors start
    """

    phases: Mapping[str, float] = field(default_factory=dict)
    changes: Mapping[str, str] = field(default_factory=dict)
    before: Traffic = field(default_factory=Traffic)
    during: Traffic = field(default_factory=Traffic)
    gaps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What became of a release. `reason` is empty where it succeeded; `definitions` are the hashes
    of the services as the Swarm had them when they were seen to run."""

    word: Word
    at: datetime
    reason: str = ""
    receipt: Receipt = field(default_factory=Receipt)
    definitions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return TypeAdapter(Verdict).dump_json(self)

    @classmethod
    def from_json(cls, data: bytes) -> Self:
        return TypeAdapter(cls).validate_json(data)
