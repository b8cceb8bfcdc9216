"""What a sandbox is asked to be, and the names and addresses that follow from it."""

import ipaddress
from dataclasses import dataclass

from beeyard.errors import SandboxError

#: The label of every container, network and volume of a sandbox; its value is the sandbox's name.
LABEL = "beeyard.sandbox"
#: What a container is: "service", "instance", "mount-target" or "database".
KIND_LABEL = "beeyard.sandbox.kind"
#: Hash of what a container was made from, so that a change is seen.
FINGERPRINT_LABEL = "beeyard.sandbox.fingerprint"

#: The ACME server's name in the VPC. No public resolver gives names in `.internal`.
ACME_HOST = "acme.beeyard.internal"

#: moto's account.
ACCOUNT = "123456789012"
#: Where an instance asks about itself.
METADATA_ADDRESS = "169.254.169.254"

_FIRST_DATABASE = 16
_SMALLEST_PREFIX = 22


@dataclass(frozen=True)
class SandboxSpec:
    """The part of a cluster's file that the rehearsal cloud depends on.

    name      the cluster's, and so the sandbox's
    domain    answered by the VPC's resolver, with everything below it
    region    AWS region, e.g. "us-east-1"
    vpc_cidr  IPv4 block of the VPC, /22 or larger
    zone      hosted zone of Route 53 that the team owns already; None: there is none
    """

    name: str
    domain: str
    region: str
    vpc_cidr: str
    zone: str | None = None


@dataclass(frozen=True)
class Addresses:
    """The fixed addresses at the start of the VPC, which the cluster's subnets leave unused."""

    network: ipaddress.IPv4Network

    @classmethod
    def of(cls, spec: SandboxSpec) -> "Addresses":
        """Raises SandboxError if the block is not one that a sandbox can use."""
        try:
            network = ipaddress.IPv4Network(spec.vpc_cidr)
        except ValueError as error:
            raise SandboxError(
                f"{spec.vpc_cidr} is not an IPv4 block",
                why=str(error),
                fix="set vpc_cidr to a private block such as 10.20.0.0/16",
            ) from error
        if network.prefixlen > _SMALLEST_PREFIX:
            raise SandboxError(
                f"the VPC {network} is too small for a sandbox",
                fix=f"set vpc_cidr to a /{_SMALLEST_PREFIX} or a larger block",
            )
        return cls(network)

    @property
    def gateway(self) -> str:
        return self._at(1)

    @property
    def resolver(self) -> str:
        return self._at(2)

    @property
    def hub(self) -> str:
        return self._at(3)

    @property
    def acme(self) -> str:
        return self._at(4)

    @property
    def metadata(self) -> str:
        return self._at(5)

    @property
    def api(self) -> str:
        return self._at(6)

    @property
    def unassigned(self) -> str:
        """Where Docker may take addresses from by itself; every container is given its own."""
        return f"{self._at(8)}/29"

    def database(self, index: int) -> str:
        """Address of the database server with that index (0 and up)."""
        if index >= 2 ** (32 - _SMALLEST_PREFIX - 4) - _FIRST_DATABASE:
            raise SandboxError("no address is left for another database in this sandbox")
        return self._at(_FIRST_DATABASE + index)

    def __contains__(self, address: str) -> bool:
        return ipaddress.IPv4Address(address) in self.network

    def _at(self, offset: int) -> str:
        return str(self.network.network_address + offset)


def resource_name(sandbox: str, thing: str) -> str:
    """Docker's name of one of a sandbox's resources."""
    return f"beeyard-{sandbox}-{thing}"
