"""`Inventory`: the hosts, how they are reached, and what Ansible is told of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from beeyard.cloud.outputs import Role


@dataclass(frozen=True)
class Host:
    """One node as Ansible and SSH see it. `identity` is what its host key is pinned to: a machine
    that replaces another at the same address is another identity."""

    name: str
    role: Role
    zone: str
    address: str
    private_ip: str
    identity: str
    jump: str | None = None


@dataclass(frozen=True)
class SshAccess:
    """How the operator signs in to nodes. `checking` is OpenSSH's word for what becomes of a host
    key that is not pinned: by `yes`, nobody is let near it."""

    user: str
    key: Path
    known_hosts: Path
    sockets: Path
    checking: Literal["yes", "accept-new"] = "yes"


@dataclass(frozen=True)
class Controller:
    """What the service that runs pipelines is made of: its image, and the lines of `known_hosts`
    by which it knows the nodes, sorted."""

    image: str
    known_hosts: tuple[str, ...]


@dataclass(frozen=True)
class Inventory:
    """All that `provision` needs. `variables` are the roles' variables, the same for every host."""

    cluster: str
    hosts: tuple[Host, ...]
    ssh: SshAccess
    variables: Mapping[str, Any] = field(default_factory=dict)

    @property
    def first_manager(self) -> Host:
        return self.managers[0]

    @property
    def managers(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.role == "manager")

    @property
    def workers(self) -> tuple[Host, ...]:
        return tuple(host for host in self.hosts if host.role == "worker")
