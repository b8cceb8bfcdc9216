"""Where the Terraform projects keep their state, and how another AWS API is put in their way."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

#: Root projects in the order in which they are applied, each with those whose state it reads.
PROJECT_READS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "elastic_ips": (),
        "swarm_cluster": ("elastic_ips",),
        "efs": ("swarm_cluster",),
        "database": ("swarm_cluster",),
        "dns": ("elastic_ips",),
    }
)

#: What an API that stands in for AWS's has not: AWS Backup.
_WITHOUT: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {"efs": {"module": {"efs": {"backup": None}}}}
)

#: The AWS services that the projects talk to, by the provider's names for their endpoints.
_PROVIDER_SERVICES = ("ec2", "efs", "iam", "rds", "route53", "sts")
_STATE_SERVICES = ("iam", "s3", "sts")

#: Not a secret: with one set, no credentials of the user's environment ever reach the endpoint.
_KEY = "sandbox"


def state_key(project: str) -> str:
    """Key of a project's state object in the state bucket."""
    return f"{project}/terraform.tfstate"


def backend_config(project: str, bucket: str, region: str) -> dict[str, Any]:
    """Give what a project's partial S3 backend lacks, for `init -backend-config=FILE.json`.

    The same for AWS and for another endpoint: what differs there is in the override file.
    """
    return {
        "bucket": bucket,
        "key": state_key(project),
        "region": region,
        "encrypt": True,
        "use_lockfile": True,
    }


def render_override(
    project: str, endpoint: str, region: str, reads: Sequence[str], key: str = _KEY
) -> dict[str, Any]:
    """Give the content of a project's `override.tf.json` for an AWS API at `endpoint`.

    `endpoint` is a URL such as `http://127.0.0.1:5000`; `reads` names the projects whose state
    this one reads (see `PROJECT_READS`); `key` is the access key, and its own secret key. Nothing
    in it depends on the version of the provider.
    """
    credentials = {"access_key": key, "secret_key": key}
    state_access = {
        "region": region,
        "endpoints": dict.fromkeys(_STATE_SERVICES, endpoint),
        "use_path_style": True,
        "skip_metadata_api_check": True,
        **credentials,
    }
    provider = {
        "region": region,
        "endpoints": dict.fromkeys(_PROVIDER_SERVICES, endpoint),
        "skip_metadata_api_check": True,
        **credentials,
    }
    override: dict[str, Any] = {
        "terraform": {"backend": {"s3": {"key": state_key(project), **state_access}}},
        "provider": {"aws": provider},
    }
    override |= _WITHOUT.get(project, {})
    if reads:
        override["data"] = {
            "terraform_remote_state": {
                read: {
                    "config": {
                        "bucket": "${var.state_bucket}",
                        "key": state_key(read),
                        **state_access,
                    }
                }
                for read in reads
            }
        }
    return override
