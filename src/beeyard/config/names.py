"""Names in `beeyard.yml`: of clusters, applications, domains, secrets, instance types."""

import re
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from beeyard.config.refusal import Wrong, refusal

# Each becomes the name of a stack or a host below the domain that beeyard itself uses.
RESERVED_APPLICATIONS = ("beeyard", "ci", "drone", "git", "portainer", "registry", "traefik")

# A DNS name has 253 characters at most; beeyard's longest name in front is `portainer.`.
LONGEST_DOMAIN = 253 - len("portainer.")

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = rf"^({_LABEL}\.)+{_LABEL}$"
_CLUSTER = r"^(?=.{2,31}$)[a-z](-?[a-z0-9])+$"
_SWARM_NAME = r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$"
_VARIABLE = r"^[A-Za-z_][A-Za-z0-9_]*$"
_INSTANCE_TYPE = r"^[a-z][a-z0-9-]*\.[a-z0-9-]+$"
_DATABASE_CLASS = r"^db\.[a-z][a-z0-9-]*\.[a-z0-9]+$"
_AMI = r"^ami-[0-9a-f]{8,17}$"
_SSH_USER = r"^[a-z_][a-z0-9_-]{0,31}$"
_EMAIL = rf"^[A-Za-z0-9._%+-]+@({_LABEL}\.)+{_LABEL}$"
_REGION = r"^[a-z]{2}(-[a-z]+)+-[0-9]$"
_ZONE = r"^[a-z]{2}(-[a-z]+)+-[0-9]([a-z]|(-[a-z]+)+-[0-9][a-z])$"
_REGISTRY_HOST = rf"^{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$"
# Source: Amazon ECR user guide, "Private registry authentication".
_ECR = (
    rf"^(?P<account>[0-9]{{12}})\.dkr\.ecr(-fips)?\.(?P<region>{_REGION[1:-1]})"
    r"\.amazonaws\.com(\.cn)?(/.*)?$"
)
_DASHBOARD_USER = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"


def matches(pattern: str, text: str) -> bool:
    """Whether the whole of `text` is of `pattern`. `$` alone would let a trailing newline pass."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text) is not None


def _check_cluster(value: str) -> str:
    if not matches(_CLUSTER, value):
        raise refusal(
            Wrong(
                f"`{value}` can't name a cluster",
                "Use 2 to 31 of a-z, 0-9 and single hyphens, starting with a letter: `timeoff`.",
                "The name is part of every name in the cloud, and RDS takes no other kind.",
            )
        )
    return value


def _check_application(value: str) -> str:
    if value in RESERVED_APPLICATIONS:
        raise refusal(
            Wrong(
                f"`{value}` is a name that beeyard uses itself",
                f"Call the application something else than {', '.join(RESERVED_APPLICATIONS)}.",
            )
        )
    if not matches(_CLUSTER, value):
        raise refusal(
            Wrong(
                f"`{value}` can't name an application",
                "Use 2 to 31 of a-z, 0-9 and single hyphens, starting with a letter: `timeoff`.",
                "The name becomes a stack, a database and a host name.",
            )
        )
    return value


def domain_mistake(value: str) -> Wrong | None:
    """What is wrong with `value` as a domain, or None."""
    is_domain = matches(_DOMAIN, value) and not value.rpartition(".")[2].isdigit()
    if not is_domain:
        return _no_domain(value)
    if len(value) > LONGEST_DOMAIN:
        return Wrong(
            f"the domain has {len(value)} characters",
            f"Use at most {LONGEST_DOMAIN}: the names below it must fit into 253 as well.",
        )
    return None


def _no_domain(value: str) -> Wrong:
    """The nearest thing to say of what is no domain."""
    bare = re.sub(r"^[a-z]+://", "", value.strip().lower())
    bare = re.split("[/:]", bare, maxsplit=1)[0].strip(".").removeprefix("*.")
    if _is_address(bare):
        return Wrong(f"`{value}` is an address, not a domain", "Name a domain: `example.com`.")
    if bare != value and matches(_DOMAIN, bare):
        return Wrong(f"`{value}` is no domain", f"Write the bare name in small letters: `{bare}`.")
    if matches(rf"^{_LABEL}$", value):
        return Wrong(f"`{value}` is no domain: it has no dot", f"Such as `{value}.example.com`.")
    return Wrong(
        f"`{value}` is no domain",
        "Labels of a-z, 0-9 and hyphens with dots between, none starting or ending with a hyphen: "
        "`apps.example.com`. Names in other alphabets are written in their xn-- form.",
    )


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _check_domain(value: str) -> str:
    wrong = domain_mistake(value)
    if wrong:
        raise refusal(wrong)
    return value


def _rule(pattern: str, what: str, fix: str, why: str | None = None) -> AfterValidator:
    """A validator of whole texts: `what` may hold `{}` for the value."""

    def check(value: str) -> str:
        if not matches(pattern, value):
            raise refusal(Wrong(what.format(f"`{value}`"), fix, why))
        return value

    return AfterValidator(check)


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


def _check_ssh_user(value: str) -> str:
    if value == "root":
        raise refusal(
            Wrong("root can't sign in on cloud images", "Use the image's admin user: `admin`.")
        )
    return value


def _check_mount_point(value: str) -> str:
    if not matches(r"^(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+$", value):
        raise refusal(
            Wrong(f"`{value}` is no absolute path", "Start with a slash, end without: `/mnt/efs`.")
        )
    top = value.split("/")[1]
    never = {"bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "sys"}
    whole = {"home", "media", "mnt", "opt", "srv", "tmp", "usr", "var"}
    if top in never or value.strip("/") in whole:
        raise refusal(
            Wrong(
                f"`{value}` belongs to the system of each node",
                "Use a folder of its own: `/mnt/efs`.",
                "What is mounted there would hide the node's own files.",
            )
        )
    return value


ClusterName = Annotated[str, AfterValidator(_check_cluster), _text(_CLUSTER)]
ApplicationName = Annotated[str, AfterValidator(_check_application), _text(_CLUSTER)]
Domain = Annotated[str, AfterValidator(_check_domain), _text(_DOMAIN)]
MountPoint = Annotated[str, AfterValidator(_check_mount_point), _text(r"^/.+[^/]$")]
SecretName = Annotated[
    str,
    _rule(
        _SWARM_NAME,
        "{} can't name a Swarm secret",
        "Use up to 64 of a-z, A-Z, 0-9, `_`, `.` and `-`, with a letter or digit at both ends.",
    ),
    _text(_SWARM_NAME),
]
VariableName = Annotated[
    str,
    _rule(
        _VARIABLE,
        "{} can't name an environment variable",
        "Use letters, digits and `_`, starting with a letter or `_`: `LOG_LEVEL`.",
    ),
    _text(_VARIABLE),
]
InstanceType = Annotated[
    str,
    _rule(_INSTANCE_TYPE, "{} is no EC2 instance type", "Such as `t3.small`."),
    _text(_INSTANCE_TYPE),
]
DatabaseClass = Annotated[
    str,
    _rule(
        _DATABASE_CLASS,
        "{} is no RDS instance class",
        "Such as `db.t3.micro`: `db.`, family, dot, size.",
    ),
    _text(_DATABASE_CLASS),
]
Ami = Annotated[str, _rule(_AMI, "{} is no AMI", "Such as `ami-0123456789abcdef0`."), _text(_AMI)]
SshUser = Annotated[
    str,
    _rule(_SSH_USER, "{} is no user name", "The image's admin user: `admin` on Debian."),
    AfterValidator(_check_ssh_user),
    _text(_SSH_USER),
]
Email = Annotated[
    str, _rule(_EMAIL, "{} is no e-mail address", "Such as `ops@example.com`."), _text(_EMAIL)
]
Region = Annotated[
    str,
    _rule(
        _REGION,
        "{} is no AWS region",
        "Such as `eu-central-1`; `aws ec2 describe-regions` lists them.",
    ),
    _text(_REGION),
]
Zone = Annotated[
    str,
    _rule(
        _ZONE,
        "{} is no availability zone",
        "The region's name and a letter: `eu-central-1a`.",
    ),
    _text(_ZONE),
]


def ecr_of(host: str) -> tuple[str, str] | None:
    """The account and the region of a registry on Amazon ECR; None for any other."""
    found = re.fullmatch(_ECR[1:-1], host)
    return (found["account"], found["region"]) if found else None


def _check_ecr(value: str) -> str:
    """What is meant for one of ECR's, and is not: nobody could sign in there."""
    if ".amazonaws.com" in value and ".ecr" in value and ecr_of(value) is None:
        raise refusal(
            Wrong(
                f"`{value}` is no registry of Amazon ECR",
                "Write `ACCOUNT.dkr.ecr.REGION.amazonaws.com`, the account as its twelve digits.",
            )
        )
    return value


RegistryHost = Annotated[
    str,
    _rule(
        _REGISTRY_HOST,
        "{} is no place in a registry",
        "Host, port if need be, path, all without `https://`: `registry.example.com/team`.",
    ),
    AfterValidator(_check_ecr),
    _text(_REGISTRY_HOST),
]
DashboardUser = Annotated[
    str,
    _rule(
        _DASHBOARD_USER,
        "{} can't name a user",
        "Use up to 64 of a-z, A-Z, 0-9, `.`, `_`, `@` and `-`, starting with a letter or digit.",
    ),
    _text(_DASHBOARD_USER),
]
