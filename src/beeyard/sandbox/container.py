"""A container that should be, as data: what the pure parts give, and `act` makes."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from beeyard.sandbox.spec import FINGERPRINT_LABEL, KIND_LABEL, LABEL

Kind = Literal["service", "instance", "mount-target", "database"]

#: Files that a program may open: HAProxy and dnsmasq size tables by the limit, which may be huge.
_OPEN_FILES = 8192


@dataclass(frozen=True)
class Mount:
    """A named volume, or (`bind`) a path of this machine, at `target` in a container."""

    source: str
    target: str
    bind: bool = False
    read_only: bool = False

    @classmethod
    def path(cls, source: Path, target: str, *, read_only: bool = True) -> "Mount":
        return cls(str(source), target, bind=True, read_only=read_only)


@dataclass(frozen=True)
class NodeForm:
    """What Docker must be told so that systemd and an inner engine run in a container.

    Not privileged: with every single permission that they need, where the engine itself may not
    give them all.
    """

    privileged: bool


@dataclass(frozen=True)
class Container:
    """`thing` names it within the sandbox. `address` None: on this machine's own network.
    `argv` is run instead of the image's own entry point; `arguments` are given to that.
    `resolver` is the DNS server that it asks; None: this machine's. `capabilities` are those that
    it has beyond Docker's usual ones.

    `running` is not part of its identity: a stopped instance is the same instance.
    """

    thing: str
    kind: Kind
    image: str
    address: str | None
    hostname: str | None = None
    argv: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    node: NodeForm | None = None
    resolver: str | None = None
    capabilities: tuple[str, ...] = ()
    running: bool = True

    @property
    def volumes(self) -> tuple[str, ...]:
        """Names of the volumes that it uses."""
        return tuple(mount.source for mount in self.mounts if not mount.bind)

    @property
    def fingerprint(self) -> str:
        """Hash of everything that can't be changed on a container that exists."""
        identity = {key: value for key, value in asdict(self).items() if key != "running"}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]

    def labels(self, sandbox: str) -> dict[str, str]:
        return {LABEL: sandbox, KIND_LABEL: self.kind, FINGERPRINT_LABEL: self.fingerprint}


def create_body(container: Container, labels: Mapping[str, str], network: str) -> dict[str, Any]:
    """The body of Docker's `POST /containers/create` (Engine API 1.41)."""
    body: dict[str, Any] = {
        "Image": container.image,
        "Env": [f"{name}={value}" for name, value in container.environment.items()],
        "Labels": dict(labels),
        "HostConfig": _host_config(container)
        | (_node_config(container.node) if container.node else {}),
    }
    if argv := container.argv or _node_argv(container.node):
        body["Entrypoint"] = list(argv)
    if container.arguments:
        body["Cmd"] = list(container.arguments)
    if container.hostname:
        body["Hostname"] = container.hostname
    if container.address is None:
        body["HostConfig"]["NetworkMode"] = "host"
        return body
    body["HostConfig"]["NetworkMode"] = network
    endpoint = {"IPAMConfig": {"IPv4Address": container.address}}
    return body | {"NetworkingConfig": {"EndpointsConfig": {network: endpoint}}}


def _node_argv(form: NodeForm | None) -> tuple[str, ...]:
    """What a node runs first: it gets its cgroups before systemd wants them."""
    if form is None:
        return ()
    script = files("beeyard.sandbox").joinpath("scripts/node.sh").read_text()
    return ("/bin/sh", "-c", script)


def _host_config(container: Container) -> dict[str, Any]:
    limits = [{"Name": "nofile", "Soft": _OPEN_FILES, "Hard": _OPEN_FILES}]
    return {
        "Binds": [
            f"{mount.source}:{mount.target}:{'ro' if mount.read_only else 'rw'}"
            for mount in container.mounts
        ],
        "RestartPolicy": {"Name": "unless-stopped"},
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
        "Init": container.node is None,
        "Dns": [container.resolver] if container.resolver else [],
        "CapAdd": list(container.capabilities),
        "Ulimits": [] if container.node else limits,
    }


def _node_config(form: NodeForm) -> dict[str, Any]:
    config: dict[str, Any] = {
        "Tmpfs": {"/run": "exec", "/tmp": "exec", "/run/lock": ""},  # noqa: S108
        # The node's own cgroups, and those of its containers, are below the node's: figures and
        # limits of a node hold, and nothing of it is left in the machine's own.
        "CgroupnsMode": "private",
    }
    if form.privileged:
        return config | {"Privileged": True}
    fuse = "/dev/fuse"
    return config | {
        "CapAdd": ["ALL"],
        # Where the engine itself lacks it, asking for it fails; a node needs it nowhere.
        "CapDrop": ["SYS_RESOURCE"],
        "SecurityOpt": ["seccomp=unconfined", "apparmor=unconfined"],
        # What the Docker client calls `--security-opt systempaths=unconfined`.
        "MaskedPaths": [],
        "ReadonlyPaths": [],
        "DeviceCgroupRules": ["a *:* rwm"],
        "Devices": [
            {"PathOnHost": fuse, "PathInContainer": fuse, "CgroupPermissions": "rwm"},
        ],
    }
