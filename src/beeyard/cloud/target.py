"""`Target`: the world a cluster is made in, as data.

AWS and the rehearsal differ only in the values of these fields; no stage asks which it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from beeyard.cloud.outputs import Acme, EngineSource


@dataclass(frozen=True)
class FileSystemStyle:
    """How the shared file system is mounted. `source` may contain `{dns_name}`."""

    fstype: str
    source: str
    options: str


@dataclass(frozen=True)
class Target:
    """What the stages need to know of the world they build in.

    world            its name, for messages and for the place of local files
    endpoint         URL of the AWS API; None for AWS itself
    environment      credentials and the like, for Terraform and boto3
    operator         block that the operator's connections come from, where no file can know it: it
                     is allowed beside `ssh.allowed_cidrs`
    provider_mirror  folder with Terraform providers, where the public registry is out of reach
    file_system      how EFS is mounted
    acme             who signs certificates; None: as `beeyard.yml` says
    engine           where nodes get the Docker engine and images from
    ssh              which of a manager's addresses the operator reaches it by
    http_port, https_port   the ports on which users reach the cluster
    api_within       URL of the AWS API as the nodes reach it; None for AWS itself
    resolver         DNS server that answers for the cluster's names; None: the system's
    """

    world: str
    endpoint: str | None
    file_system: FileSystemStyle
    acme: Acme | None
    engine: EngineSource
    ssh: Literal["public", "private"]
    http_port: int
    https_port: int
    resolver: str | None
    api_within: str | None = None
    operator: str | None = None
    provider_mirror: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def as_nodes_see_it(self) -> "Target":
        """The same world, with its API at the URL by which nodes reach it."""
        return replace(self, endpoint=self.api_within)


AWS = Target(
    world="aws",
    endpoint=None,
    file_system=FileSystemStyle(
        fstype="nfs4",
        source="{dns_name}:/",
        # What AWS recommends for EFS (Amazon EFS user guide, "Recommended NFS mount settings"), and
        # what lets a boot go on where the file system is not there yet.
        options="nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,"
        "_netdev,nofail",
    ),
    acme=None,
    engine=EngineSource(packages="upstream"),
    ssh="public",
    http_port=80,
    https_port=443,
    resolver=None,
)
