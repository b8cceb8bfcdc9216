"""One pipeline as it is to be run: nothing is left to look up, to decide or to parse."""

import hashlib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from beeyard.pipelines.model import Failure, Mount, Pull, Volume
from beeyard.secret import Secret

#: The state of the pipeline in which a step runs. `never`: something decided against it beforehand.
RunsOn = Literal["success", "failure", "always", "never"]
#: Gives the variables that have changed by the time at which a step starts (seconds since 1970),
#: after these steps have failed.
Late = Callable[[tuple[str, ...], int], Mapping[str, str]]

#: An exit code by which a step ends the pipeline early, as a success.
#: Source: github.com/drone/drone-runtime/issues/51, its author's description.
EARLY_END = 78
#: The label that everything of a run carries; its value is `Job.id`.
LABEL = "beeyard.pipeline"
STEP_LABEL = "beeyard.step"
#: How the interfaces of jobs' networks begin: by it, a node's firewall knows what steps send
#: (`provision/ansible/roles/steps`).
BRIDGES = "bypipe"
MEBIBYTE = 2**20

_SCRIPT = "BEEYARD_SCRIPT"
# Characters, of which one may be four bytes.
_PIECE = 30_000
_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}")


@dataclass(frozen=True)
class StepLimits:
    """What one container may use; 0: as much as there is.

    cpus    processors, such as 0.5
    memory  bytes; there is no swap beyond it
    pids    processes and threads at one time
    log     bytes of output that are handed on; what comes after is read and dropped
    """

    cpus: float = 0.0
    memory: int = 0
    pids: int = 2048
    log: int = 256 * MEBIBYTE


@dataclass(frozen=True)
class Bind:
    """A path of the engine's own machine in a container: what a trusted plugin needs."""

    source: str
    path: str
    read_only: bool = False


@dataclass(frozen=True)
class Credentials:
    """A sign-in to a registry."""

    username: str
    password: Secret


@dataclass(frozen=True)
class JobStep:
    """One container. `entrypoint` and `command` empty: the image's own.

    mounts      volumes of the job by name; the workspace is there without being named
    detach      goes on beside the steps that follow, and its end is nobody's failure
    runs_on     `reason` says why it is `never`
    timeout     seconds from the start of its container; 0: what the pipeline has left
    grace       seconds that it has to end by itself when it is told to
    init        the engine's own init runs what it runs: a shell of ours would not hear that it is
                to end. Images that bring an init have to be the first process themselves
    working_dir  empty: the image's own
    """

    name: str
    image: str
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str | Secret] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    binds: tuple[Bind, ...] = ()
    devices: tuple[Bind, ...] = ()
    depends_on: tuple[str, ...] = ()
    runs_on: RunsOn = "success"
    reason: str = ""
    detach: bool = False
    failure: Failure = "always"
    pull: Pull = "default"
    limits: StepLimits = StepLimits()
    timeout: float = 0.0
    grace: float = 5.0
    init: bool = False
    user: str = ""
    privileged: bool = False
    working_dir: str = ""
    network_mode: str = ""
    hostname: str = ""
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    extra_hosts: tuple[str, ...] = ()
    shm_size: int = 0


@dataclass(frozen=True)
class Job:
    """One pipeline, resolved.

    id          of this run of it, and of no other; names and labels of all that it makes
    services    started before the first step, and stopped after the last
    workspace   the path of the workspace in every container
    folder      of the engine's machine, used as the workspace itself; empty: a volume of its own
    labels      further ones, for whoever sweeps up after a runner that was killed
    credentials  by the registry's host, such as `docker.io` or `registry.example.com:5000`
    timeout     seconds for all of it
    disk        bytes that one container, or all volumes together, may grow to; 0: no limit
    parallel    how many steps run at one time, not counting those that are detached
    late        what steps are told of what became of those before them

    Raises ValueError for an id that can't be part of a container's name, and for two steps of one
    name.
    """

    id: str
    name: str
    steps: tuple[JobStep, ...]
    services: tuple[JobStep, ...] = ()
    volumes: tuple[Volume, ...] = ()
    workspace: str = "/drone/src"
    folder: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    credentials: Mapping[str, Credentials] = field(default_factory=dict)
    timeout: float = 3600.0
    disk: int = 10 * 1024 * MEBIBYTE
    parallel: int = 16
    late: Late = field(default=lambda _failed, _now: {}, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"`{self.id}` can't be part of a container's name")
        names = [step.name for step in self.all_steps]
        if len(set(names)) != len(names):
            raise ValueError("two steps have one name")

    @property
    def all_steps(self) -> tuple[JobStep, ...]:
        """Services, then steps."""
        return (*self.services, *self.steps)

    def is_detached(self, step: JobStep) -> bool:
        """Whether others need not wait for its end: so is every service."""
        return step.detach or self.is_service(step)

    def is_service(self, step: JobStep) -> bool:
        return any(step is service for service in self.services)

    @property
    def network(self) -> str:
        """The network in which its containers find each other by name."""
        return f"beeyard-{self.id}"

    @property
    def bridge(self) -> str:
        """The interface of that network on the engine's machine. Linux takes 15 characters."""
        return BRIDGES + hashlib.sha256(self.network.encode()).hexdigest()[: 15 - len(BRIDGES)]

    @property
    def all_labels(self) -> dict[str, str]:
        """What is on everything that it makes."""
        return {**self.labels, LABEL: self.id}

    def volume(self, name: str = "") -> str:
        """The name on the engine of one of its temporary volumes; of the workspace, without."""
        if not name:
            return f"{self.network}-workspace"
        place = [volume.name for volume in self.volumes].index(name) + 1
        return f"{self.network}-volume-{place}-{slug(name)}"

    def container(self, step: str) -> str:
        """The name on the engine of a step's container."""
        # Two names may have one slug.
        place = [one.name for one in self.all_steps].index(step) + 1
        return f"{self.network}-step-{place}-{slug(step)}"


@dataclass(frozen=True)
class Shell:
    """What runs commands in a container."""

    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]


def shell(commands: Sequence[str], program: str = "/bin/sh") -> Shell:
    """A shell for a step's commands, that gets them by its environment.

    No argument list has them, and their standard input is not the script. What the shell starts
    does not see these variables. There are several of a long script: Linux takes 128 KiB in each.
    Source: docs.drone.io, "Steps", "Commands": they replace the image's entry point.
    """
    text = script(commands)
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    variables = {f"{_SCRIPT}_{index}": piece for index, piece in enumerate(pieces)}
    whole = "".join(f"${{{name}}}" for name in variables)
    start = f'eval "unset {" ".join(variables)}\n{whole}"'
    return Shell((program or "/bin/sh", "-c"), (start,), variables)


def script(commands: Sequence[str]) -> str:
    """The shell script that runs commands in order, until one fails.

    Each is shown as it stands in the file, after `+ `. Drone's documents have `set -x` there,
    "roughly": that would show what variables hold, secrets among them. Errors go where the rest of
    the output goes: as two streams, they would not keep their order.
    Source: docs.drone.io, "Steps", "Commands".
    """
    lines = ["exec 2>&1", "set -e"]
    for command in commands:
        lines += [f"printf '%s\\n' {shlex.quote(f'+ {command}')}", command]
    return "\n".join(lines) + "\n"


def slug(name: str) -> str:
    """A name as Docker takes it in names of its own."""
    return re.sub(r"[^a-zA-Z0-9_.-]+", "-", name)[:60] or "-"
