"""`Cluster`: what every workflow is given, and where its local files are."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from beeyard.apps.registry_auth import RegistryAuth
from beeyard.cloud import Target
from beeyard.cloud.api import Account, Aws
from beeyard.cloud.workspace import cli_config
from beeyard.config import ClusterSpec
from beeyard.inventory import SshAccess
from beeyard.process import LocalRunner
from beeyard.waiting import Clock
from beeyard.workflows.ecr import ecr_auth
from beeyard.workflows.keys import OWN_KEY
from beeyard.workflows.progress import Progress


@dataclass(frozen=True)
class Cluster:
    """A cluster's description, the world that it lives in, and the seams to reach it.

    `base` is the folder of `beeyard.yml`; `folder` holds what beeyard keeps of this cluster on this
    machine: copies of what is in the state bucket, what is made again, and, where beeyard made one,
    the operator's SSH key.
    """

    spec: ClusterSpec
    base: Path
    target: Target
    folder: Path
    sockets: Path
    runner: LocalRunner
    clock: Clock
    progress: Progress
    mitogen: bool = True
    #: The SSH key, where the operator has named one beside the file.
    given_key: Path | None = None
    #: What signs in to a registry whose sign-ins end, where that is not the operator.
    given_auth: RegistryAuth | None = None

    @cached_property
    def aws(self) -> Aws:
        """Its API. One for all: each makes its clients anew, which takes tenths of a second."""
        return Aws(self.target, self.spec.region)

    @cached_property
    def account(self) -> Account:
        """Whose account it is in, asked once."""
        return self.aws.account()

    @cached_property
    def ending_auth(self) -> RegistryAuth | None:
        """What signs in to the registry outside whose sign-ins end; None where there is none."""
        if self.given_auth is not None:
            return self.given_auth
        return ecr_auth(self.spec, lambda region: Aws(self.target, region), self.clock)

    @property
    def ssh(self) -> SshAccess:
        return SshAccess(
            user=self.spec.ssh.user,
            key=self.key,
            known_hosts=self.folder / "known_hosts",
            sockets=self.sockets,
        )

    @property
    def key(self) -> Path:
        """The SSH key: the operator's own, or the one that beeyard makes for this cluster."""
        named = self.given_key or self.spec.ssh.private_key(self.base)
        return named or self.folder / OWN_KEY

    @property
    def makes_key(self) -> bool:
        """Whether nobody named a key, so that beeyard makes one."""
        return self.given_key is None and self.spec.ssh.key is None

    @property
    def terraform_folder(self) -> Path:
        return self.folder / "terraform"

    @property
    def provision_folder(self) -> Path:
        return self.folder / "provision"

    def terraform_environment(self) -> Mapping[str, str]:
        """What Terraform's processes get beyond this process's environment."""
        config = cli_config(self.terraform_folder, self.target.provider_mirror)
        return {**self.target.environment, "TF_CLI_CONFIG_FILE": str(config)}
