"""A `.drone.yml` as data: the docker pipeline, as documented at docs.drone.io.

Everything is frozen and plain. What a step gets from a secret is named, never held.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Pull = Literal["default", "always", "if-not-exists", "never"]
Failure = Literal["always", "ignore"]


@dataclass(frozen=True)
class FromSecret:
    """`{from_secret: NAME}`: a value that is looked up when the step runs."""

    name: str


#: A variable's value.
Value = str | FromSecret


@dataclass(frozen=True)
class Match:
    """`include` and `exclude` of one condition: globs, of which `exclude` wins."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conditions:
    """A `when` or a `trigger`: each one that is not None has to match."""

    action: Match | None = None
    branch: Match | None = None
    cron: Match | None = None
    event: Match | None = None
    instance: Match | None = None
    ref: Match | None = None
    repo: Match | None = None
    status: Match | None = None
    target: Match | None = None


@dataclass(frozen=True)
class Mount:
    """A volume of the pipeline in a step."""

    name: str
    path: str


@dataclass(frozen=True)
class Volume:
    """A volume of the pipeline: `temp` lives as long as it, `host` is a path of the node's.

    medium   `memory` for a temporary one in memory
    size     bytes, for one in memory; 0: no limit
    """

    name: str
    kind: Literal["temp", "host"]
    path: str = ""
    medium: str = ""
    size: int = 0


@dataclass(frozen=True)
class Limits:
    """What a step may use: processors, and memory in bytes; 0: what the runner gives."""

    cpus: float = 0.0
    memory: int = 0


@dataclass(frozen=True)
class Step:
    """One step, or one service (`detach`): a container of its own.

    `settings` hold plain values, lists and maps, and FromSecret at any depth. `line` is where it
    begins in the file, from 1.
    """

    name: str
    image: str
    commands: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, Value] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    when: Conditions = Conditions()
    depends_on: tuple[str, ...] = ()
    detach: bool = False
    failure: Failure = "always"
    pull: Pull = "default"
    privileged: bool = False
    user: str = ""
    shell: str = ""
    working_dir: str = ""
    network_mode: str = ""
    hostname: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    devices: tuple[Mount, ...] = ()
    volumes: tuple[Mount, ...] = ()
    ports: tuple[int, ...] = ()
    shm_size: int = 0
    limits: Limits = Limits()
    line: int = 1


@dataclass(frozen=True)
class Clone:
    """How the code comes into the workspace. `depth` 0: all of its history."""

    disable: bool = False
    depth: int = 0
    retries: int = 0


@dataclass(frozen=True)
class Platform:
    """What the pipeline wants of its node; empty: anything."""

    os: str = ""
    arch: str = ""
    variant: str = ""


@dataclass(frozen=True)
class Pipeline:
    """One document of kind `pipeline` and type `docker`.

    `concurrency` 0: no limit. `workspace` is the path in every step. `image_pull_secrets` name
    secrets that hold a Docker `config.json`.
    """

    name: str
    steps: tuple[Step, ...]
    services: tuple[Step, ...] = ()
    trigger: Conditions = Conditions()
    depends_on: tuple[str, ...] = ()
    clone: Clone = Clone()
    workspace: str = "/drone/src"
    platform: Platform = Platform()
    environment: Mapping[str, Value] = field(default_factory=dict)
    volumes: tuple[Volume, ...] = ()
    node: Mapping[str, str] = field(default_factory=dict)
    concurrency: int = 0
    image_pull_secrets: tuple[str, ...] = ()
    line: int = 1
