"""The sections of `beeyard.yml`, each a frozen model. What takes in two sections is in `model`."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from beeyard.config.names import (
    Ami,
    DashboardUser,
    DatabaseClass,
    Domain,
    Email,
    InstanceType,
    MountPoint,
    RegistryHost,
    SecretName,
    SshUser,
    VariableName,
    ecr_of,
    matches,
)
from beeyard.config.network import AllowedCidr
from beeyard.config.refusal import Wrong, refusal
from beeyard.config.secrets import PasswordHash, SecretSource
from beeyard.config.ssh_keys import Operator, PublicKey

ACME_DIRECTORIES = {
    "letsencrypt": "https://acme-v02.api.letsencrypt.org/directory",
    "letsencrypt-staging": "https://acme-staging-v02.api.letsencrypt.org/directory",
}
MANAGER_COUNTS = (1, 3, 5, 7)

# In GiB; RDS takes a maximum that is at least a tenth more than the storage at the start.
MOST_STORAGE = 65536


class Section(BaseModel):
    """What all sections are: frozen, strict about types, closed to unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, populate_by_name=True
    )


def _check_manager_count(value: int) -> int:
    if value in MANAGER_COUNTS:
        return value
    if value > 0 and value % 2 == 0:
        nearest = f"{min(value - 1, 7)} or {min(value + 1, 7)}" if value < 7 else "7"
        raise refusal(
            Wrong(
                f"{value} is an even number of managers",
                f"Use {nearest}.",
                f"A Swarm decides by majority: with {value} managers it survives the loss of "
                f"{(value - 1) // 2 or 'none'}, just as with {value - 1}, and one more can fail.",
            )
        )
    raise refusal(
        Wrong(
            f"{value} managers can't form a Swarm that holds",
            "Use 1, 3, 5 or 7.",
            "A Swarm needs a majority of its managers; Docker advises against more than 7.",
        )
    )


ManagerCount = Annotated[
    int,
    AfterValidator(_check_manager_count),
    WithJsonSchema({"type": "integer", "enum": list(MANAGER_COUNTS)}),
]


class Managers(Section):
    """The nodes that hold the Swarm's state and the way in."""

    count: ManagerCount = Field(
        default=1, description="How many: 1, 3, 5 or 7. Three survive the loss of one."
    )
    type: InstanceType = Field(default="t3.small", description="EC2 instance type of each manager.")


class Workers(Section):
    """The nodes that run applications."""

    count: int = Field(default=2, ge=0, description="How many; 0 lets the managers run everything.")
    type: InstanceType = Field(default="t3.small", description="EC2 instance type of each worker.")
    egress: Literal["public", "nat"] = Field(
        default="public",
        description="Their way out: a public address each, or private addresses behind a "
        "NAT gateway "
        "in every zone.",
    )


class Image(Section):
    """What nodes boot from."""

    ami: Ami | None = Field(
        default=None,
        description="AMI of new nodes; null: the newest Debian 12 of the architecture.",
    )
    architecture: Literal["x86_64", "arm64"] = Field(
        default="x86_64", description="Processor architecture; it must fit the instance types."
    )
    root_volume_gib: int = Field(
        default=30, ge=8, le=16384, description="Size of each node's encrypted root volume, in GiB."
    )


_EXAMPLE_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVwJ0c1VgHF4zE0ipjB3pXuzWOe8rPjZqgZFLyk4Ey5 alice"
)


class Ssh(Section):
    """How operators reach the nodes."""

    user: SshUser = Field(default="admin", description="The image's admin user: admin on Debian.")
    key: str | None = Field(
        default=None,
        min_length=1,
        description="Private key, its public key beside it as .pub; relative to "
        "beeyard.yml, or with ~. "
        "null: beeyard makes a key of its own for the cluster. BEEYARD_SSH_KEY names another "
        "on this machine.",
    )
    operators: Mapping[Operator, PublicKey] = Field(
        default={},
        description="Who may sign in to the nodes: public keys by name. Nobody else may, once "
        "there is one. Empty: the nodes' keys are left alone.",
        examples=[{"alice": _EXAMPLE_KEY}],
    )
    allowed_cidrs: tuple[AllowedCidr, ...] = Field(
        strict=False,
        min_length=1,
        description="IPv4 blocks that may open SSH connections to the managers: your own "
        "addresses.",
        examples=[["203.0.113.0/24"]],
    )

    def private_key(self, base: Path) -> Path | None:
        """The private key; `base` is the folder of beeyard.yml. None: beeyard makes one."""
        return base / Path(self.key).expanduser() if self.key else None

    def public_key(self, base: Path) -> Path | None:
        """The public key beside the private one."""
        private = self.private_key(base)
        return private.with_name(private.name + ".pub") if private else None


class Efs(Section):
    """The shared file system."""

    path: MountPoint = Field(default="/mnt/efs", description="Where every node mounts it.")


Engine = Literal["mariadb", "mysql"]
_DEFAULT_VERSION: Mapping[Engine, str] = {"mariadb": "10.11", "mysql": "8.4"}


def _default_version(data: Mapping[str, Any]) -> str:
    return _DEFAULT_VERSION[data["engine"]]


def _default_maximum(data: Mapping[str, Any]) -> int:
    return min(MOST_STORAGE, max(100, 2 * int(data["storage_gib"])))


class Database(Section):
    """The database server on RDS."""

    engine: Engine = Field(default="mariadb", description="mariadb or mysql.")
    version: str = Field(
        default_factory=_default_version,
        description="Release series, in quotes; 10.11 for mariadb and 8.4 for mysql where "
        "left out. "
        "RDS keeps the patch level up to date.",
        json_schema_extra={"pattern": r"^[0-9]+\.[0-9]+$"},
    )
    instance_class: DatabaseClass = Field(
        default="db.t3.micro", alias="class", description="RDS instance class."
    )
    storage_gib: int = Field(
        default=20,
        ge=20,
        le=MOST_STORAGE * 10 // 11,
        description="Storage at the start, in GiB (gp3).",
    )
    max_storage_gib: int = Field(
        default_factory=_default_maximum,
        le=MOST_STORAGE,
        description="Size up to which RDS enlarges the storage by itself, in GiB: at least "
        "a tenth more "
        "than storage_gib. Left out: 100, or twice storage_gib where that is more.",
    )
    multi_az: bool = Field(
        default=True, description="Whether a standby in another zone takes over when a zone fails."
    )
    backup_days: int = Field(
        default=7,
        ge=0,
        le=35,
        description="Days for which automatic backups are kept; 0: none are made.",
    )
    deletion_protection: bool = Field(
        default=True, description="Whether AWS refuses to delete the database until this is false."
    )

    @field_validator("version")
    @classmethod
    def _check_version(cls, value: str, info: ValidationInfo) -> str:
        if re.fullmatch(r"[1-9][0-9]*\.[0-9]+\.[0-9]+", value):
            series = value.rpartition(".")[0]
            raise refusal(
                Wrong(
                    f"`{value}` has a patch level",
                    f'Write the series: "{series}".',
                    "RDS upgrades patch levels by itself; a fixed one would be undone.",
                )
            )
        if not re.fullmatch(r"[1-9][0-9]*\.[0-9]+", value):
            raise refusal(
                Wrong(
                    f"`{value}` is no release series", 'Such as "10.11" (MariaDB) or "8.4" (MySQL).'
                )
            )
        engine = info.data.get("engine")
        of_mariadb = int(value.split(".", maxsplit=1)[0]) >= 10
        if engine is not None and of_mariadb != (engine == "mariadb"):
            other = "mysql" if engine == "mariadb" else "mariadb"
            raise refusal(
                Wrong(
                    f"there is no {engine} {value}",
                    f'Write "{_DEFAULT_VERSION[engine]}", or make the engine {other}.',
                    "MariaDB's versions start at 10, MySQL's are below.",
                )
            )
        return value

    @field_validator("max_storage_gib")
    @classmethod
    def _check_maximum(cls, value: int, info: ValidationInfo) -> int:
        storage = info.data.get("storage_gib")
        if storage is not None and value * 10 < storage * 11:
            least = -(-storage * 11 // 10)
            raise refusal(
                Wrong(
                    f"{value} GiB leave no room to grow beyond storage_gib, which is {storage}",
                    f"Use {least} or more.",
                    "RDS takes a maximum only if it is at least a tenth more than the storage.",
                )
            )
        return value


class Dns(Section):
    """Where the records are made."""

    zone: Domain = Field(
        description="An existing public Route 53 hosted zone that holds the domain.",
        examples=["example.com"],
    )


class ClusterRegistry(Section):
    """The cluster's own registry, at registry.<domain>."""

    kind: Literal["cluster"] = Field(
        default="cluster", description="The cluster runs the registry itself."
    )


class Ecr(NamedTuple):
    """A registry on Amazon ECR: where AWS's API signs in to it."""

    account: str
    region: str


class ExternalRegistry(Section):
    """A registry that is there already. To one of Amazon ECR, beeyard signs in by AWS's API."""

    kind: Literal["external"] = Field(description="A registry outside the cluster.")
    host: RegistryHost = Field(
        description="Its host, and the path that images are pushed below.",
        examples=["registry.example.com/team"],
    )
    username_env: VariableName | None = Field(
        default=None, description="Environment variable of the operator that holds the user's name."
    )
    password_env: VariableName | None = Field(
        default=None,
        description="Environment variable of the operator that holds the password or token.",
    )

    @field_validator("password_env")
    @classmethod
    def _check_pair(cls, value: str | None, info: ValidationInfo) -> str | None:
        user = info.data.get("username_env")
        if "username_env" in info.data and (user is None) != (value is None):
            raise refusal(
                Wrong(
                    "username_env and password_env go together, and one is left out",
                    "Name both variables, or neither for a registry without signing in.",
                )
            )
        if value is not None and ecr_of(info.data.get("host") or "") is not None:
            raise refusal(
                Wrong(
                    "a registry of Amazon ECR has no password that stays",
                    "Leave username_env and password_env out: beeyard signs in by AWS's API.",
                    "ECR's passwords end after twelve hours.",
                )
            )
        return value

    @property
    def ecr(self) -> Ecr | None:
        """Where to sign in, for a registry of Amazon ECR; None for any other."""
        found = ecr_of(self.host)
        return Ecr(*found) if found else None

    # A default is not validated by itself, and leaving out one of the pair is the mistake.
    model_config = ConfigDict(validate_default=True)


Registry = Annotated[ClusterRegistry | ExternalRegistry, Field(discriminator="kind")]


def _check_acme_server(value: str) -> str:
    if value in ACME_DIRECTORIES or matches(r"https://[A-Za-z0-9.:-]+(/\S*)?", value):
        return value
    raise refusal(
        Wrong(
            f"`{value}` is no ACME server",
            "Use `letsencrypt`, `letsencrypt-staging`, or the https:// URL of a directory.",
        )
    )


AcmeServer = Annotated[
    str,
    AfterValidator(_check_acme_server),
    WithJsonSchema(
        {"anyOf": [{"enum": list(ACME_DIRECTORIES)}, {"type": "string", "pattern": "^https://"}]}
    ),
]


class Acme(Section):
    """Who signs the certificates."""

    email: Email = Field(
        description="Address that the certificate authority may write to.",
        examples=["ops@example.com"],
    )
    server: AcmeServer = Field(
        default="letsencrypt",
        description="letsencrypt, letsencrypt-staging (untrusted, generous limits), or the "
        "URL of an "
        "ACME directory.",
    )
    root_certificate: str | None = Field(
        default=None,
        min_length=1,
        description="PEM file with the root of an authority that systems don't trust, such as "
        "letsencrypt-staging or your own; relative to beeyard.yml, or with ~.",
    )

    @property
    def directory(self) -> str:
        """URL of the ACME directory."""
        return ACME_DIRECTORIES.get(self.server, self.server)

    def root_file(self, base: Path) -> Path | None:
        """The file with the authority's root; `base` is the folder of beeyard.yml."""
        return base / Path(self.root_certificate).expanduser() if self.root_certificate else None


class Ingress(Section):
    """The way in."""

    acme: Acme = Field(description="Who signs the certificates.")
    dashboard_users: Mapping[DashboardUser, PasswordHash] = Field(
        default={},
        repr=False,
        description="Who may see the dashboards: bcrypt hashes by user. Empty: beeyard "
        "makes a password "
        "for `admin` and keeps it on the managers.",
    )


class Task(Section):
    """A command that runs once around a rollout, in a container of its own."""

    service: str = Field(
        min_length=1,
        description="The service whose image, secrets and networks it has.",
        examples=["web"],
    )
    command: tuple[str, ...] = Field(
        strict=False,
        min_length=1,
        description="What runs there, as a list.",
        examples=[["python", "-m", "migrate"]],
    )
    timeout: int = Field(default=600, ge=1, description="Seconds until it must have ended.")


class Rollout(Section):
    """How an application's releases are rolled out."""

    deadline: int = Field(
        default=600, ge=1, description="Seconds until all services must run; else it is undone."
    )
    settle: int = Field(
        default=5, ge=0, description="Seconds for which a new task must have run before it counts."
    )
    keep: int = Field(
        default=10, ge=2, description="How many releases are kept whole, to go back to."
    )
    max_failed: int | None = Field(
        default=None,
        ge=0,
        description="How many of the probe's requests may fail before it is undone; null: any.",
    )
    pre_deploy: Task | None = Field(
        default=None,
        description="Before anything is switched, with the new image, such as a migration; if "
        "it fails, nothing is.",
    )
    post_deploy: Task | None = Field(
        default=None, description="After everything runs; if it fails, the rollout is undone."
    )


class Pipelines(Section):
    """Where pipelines run, and with how much."""

    nodes: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description="Names of the nodes that pipelines run on; left out: the last worker, or where "
        "there is none, the last manager.",
        examples=[["worker-2"]],
    )
    parallel: int = Field(
        default=2, ge=1, le=64, description="How many pipelines a node runs at once."
    )
    cpus: float = Field(
        default=1.0, gt=0, le=256, description="Processors that one step may use at most."
    )
    memory_mib: int = Field(
        default=1024, ge=16, description="Memory that one step may use at most, in MiB."
    )
    timeout: int = Field(
        default=3600, ge=1, description="Seconds after which a pipeline is stopped."
    )
    log_days: int = Field(
        default=90, ge=1, description="Days for which the logs of a run are kept after its end."
    )


class Forge(Section):
    """Where an application's code is kept, besides the cluster's own git remote."""

    kind: Literal["github", "gitea", "gitlab"] = Field(
        description="github, gitea (Forgejo, too) or gitlab.", examples=["github"]
    )
    repository: str = Field(
        pattern=r"^https://[A-Za-z0-9._~:/@%+-]+$",
        description="The URL that it is cloned from.",
        examples=["https://github.com/example/timeoff.git"],
    )
    api: str | None = Field(
        default=None,
        pattern=r"^https://[A-Za-z0-9._~:/%+-]+$",
        description="URL of its API; null: as it is usual for its kind and host.",
    )


def _check_schedule(value: str) -> str:
    try:
        CronSim(value, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise refusal(
            Wrong(f"`{value}` is no schedule: {error}", 'Five fields of crontab(5): "0 3 * * *".')
        ) from None
    return value


Schedule = Annotated[str, AfterValidator(_check_schedule)]


class Application(Section):
    """One application: a folder with a stack file."""

    path: str = Field(
        min_length=1,
        description="Its folder, relative to beeyard.yml.",
        examples=["."],
    )
    stack: str = Field(
        default="stack.yml", min_length=1, description="Its stack file, in that folder."
    )
    environment: Mapping[VariableName, str] = Field(
        default={}, description="Values for ${…} in the stack file; DOMAIN is given by beeyard."
    )
    database: bool = Field(
        default=False, description="Whether it gets a database and a user of its own on `database`."
    )
    secrets: Mapping[SecretName, SecretSource] = Field(
        default={},
        description="Where the Swarm secrets come from that the stack file names as external: "
        "database-url, generate, env:NAME or file:PATH.",
    )
    rollout: Rollout = Field(default=Rollout(), description="How its releases are rolled out.")
    trusted: bool = Field(
        default=False,
        description="Whether its pipelines may mount paths of their node, and have privileged "
        "steps. Who can push then owns that node.",
    )
    forge: Forge | None = Field(
        default=None,
        description="Where its code is kept, besides the cluster's git remote; null: nowhere.",
    )
    crons: Mapping[str, Schedule] = Field(
        default={},
        description="Schedules by name, for pipelines with a `cron` trigger: five fields of "
        "crontab(5), in UTC.",
        examples=[{"nightly": "0 3 * * *"}],
    )

    def folder(self, base: Path) -> Path:
        """The application's folder; `base` is the folder of beeyard.yml."""
        return base / Path(self.path).expanduser()

    def stack_file(self, base: Path) -> Path:
        """The application's stack file."""
        return self.folder(base) / self.stack
