"""What the AWS API holds, as far as the sandbox makes it real."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from beeyard.secret import Secret


@dataclass(frozen=True)
class PortRange:
    """TCP ports that a security group opens to the world, both ends included."""

    first: int
    last: int


@dataclass(frozen=True)
class Rule:
    """What a security group lets through.

    protocol     "-1" (all), "tcp", "udp", "icmp", or a number
    first, last  ports, or ICMP's type and code; -1 where all are meant
    blocks       IPv4 blocks, one of which the other side is in, or
    groups       groups, one of which it has
    """

    protocol: str
    first: int = -1
    last: int = -1
    blocks: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class SecurityGroup:
    """A security group with all its rules."""

    id: str
    ingress: tuple[Rule, ...] = ()
    egress: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Lent:
    """What an instance profile lends an instance: temporary credentials of its role. `since` and
    `until` are written as AWS writes times (UTC)."""

    profile_arn: str
    profile_id: str
    role: str
    access_key_id: str
    secret_access_key: Secret
    token: Secret
    since: str
    until: str


@dataclass(frozen=True)
class Imds:
    """How an instance's metadata service answers: `HttpEndpoint`, `HttpTokens` and
    `HttpPutResponseHopLimit` of its metadata options."""

    enabled: bool = True
    token_required: bool = True
    hop_limit: int = 1


@dataclass(frozen=True)
class Instance:
    """An EC2 instance that is not terminated. `user_data` is base64, as the API has it."""

    id: str
    private_ip: str
    running: bool
    hostname: str
    public_keys: tuple[str, ...] = ()
    user_data: str = ""
    groups: tuple[str, ...] = ()
    open_ports: tuple[PortRange, ...] = ()
    type: str = ""
    image: str = ""
    architecture: str = ""
    zone: str = ""
    mac: str = ""
    launched: str = ""
    imds: Imds = field(default_factory=Imds)
    lent: Lent | None = None


@dataclass(frozen=True)
class ElasticIp:
    """An address that is associated with an instance."""

    public_ip: str
    instance_id: str


@dataclass(frozen=True)
class MountTarget:
    """An EFS file system's address in one subnet."""

    id: str
    file_system_id: str
    address: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class DatabaseInstance:
    """An RDS instance. `parameters` are those that its parameter groups set."""

    identifier: str
    engine: str
    endpoint: str
    port: int
    running: bool
    username: str
    password: Secret
    parameters: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class ARecord:
    """An A record of a hosted zone. `name` has no dot at its end and may start with `*.`."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True)
class World:
    """Everything at once. Elastic IPs stand in the order in which they were allocated."""

    region: str
    instances: tuple[Instance, ...] = ()
    elastic_ips: tuple[ElasticIp, ...] = ()
    file_systems: tuple[str, ...] = ()
    mount_targets: tuple[MountTarget, ...] = ()
    databases: tuple[DatabaseInstance, ...] = ()
    records: tuple[ARecord, ...] = ()
    groups: tuple[SecurityGroup, ...] = ()

    def instance(self, instance_id: str) -> Instance | None:
        return next((one for one in self.instances if one.id == instance_id), None)

    def private_address(self, address: str) -> str:
        """What the VPC's own resolver answers instead of a public address, as AWS's does."""
        for elastic_ip in self.elastic_ips:
            instance = self.instance(elastic_ip.instance_id)
            if elastic_ip.public_ip == address and instance:
                return instance.private_ip
        return address
