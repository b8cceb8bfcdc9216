"""`Outputs`: what the cloud gave us; all that later stages know of it, not where it is."""

from dataclasses import dataclass
from typing import Literal

from beeyard.errors import Refused

Role = Literal["manager", "worker"]


@dataclass(frozen=True)
class Node:
    """One machine. `ssh_address` is where its SSH server is reached from (for workers: from a
    manager)."""

    name: str
    role: Role
    zone: str
    instance_id: str
    instance_type: str
    private_ip: str
    public_ip: str | None
    ssh_address: str


@dataclass(frozen=True)
class SharedFiles:
    """How a node mounts the shared file system: the fields of its line in fstab."""

    file_system_id: str
    source: str
    fstype: str
    options: str


@dataclass(frozen=True)
class Database:
    """The database server. Its administrator's password is set anew whenever it is needed."""

    identifier: str
    engine: str
    address: str
    port: int
    username: str


@dataclass(frozen=True)
class Acme:
    """Who signs certificates. `root_certificate` (PEM): empty where the system's trust suffices."""

    directory: str
    root_certificate: str = ""


@dataclass(frozen=True)
class Ingress:
    """The way in. Users connect to `addresses` on the ports given here.

    `resolver` answers for the cluster's names; None means the system's own.
    """

    addresses: tuple[str, ...]
    http_port: int
    https_port: int
    acme: Acme
    resolver: str | None


@dataclass(frozen=True)
class Record:
    """A DNS record that must exist."""

    name: str
    type: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class EngineSource:
    """Where nodes get the Docker engine and images from."""

    packages: Literal["upstream", "distribution"]
    registry_mirrors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outputs:
    """The cluster's cloud side, as it is. `shared_files` is None until they are made; `aws_api` is
    the URL by which nodes reach another AWS API than AWS's own; `bucket` has states and backups."""

    name: str
    domain: str
    region: str
    vpc_cidr: str
    ssh_user: str
    nodes: tuple[Node, ...]
    shared_files: SharedFiles | None
    database: Database | None
    ingress: Ingress
    records: tuple[Record, ...]
    engine: EngineSource
    aws_api: str | None = None
    bucket: str = ""

    def named(self, name: str) -> Node:
        """The node of that name. Raises Refused where there is none."""
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes)
        raise Refused(f"there is no node {name}", fix=f"name one of: {names}")

    @property
    def managers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.role == "manager")

    @property
    def workers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if node.role == "worker")
