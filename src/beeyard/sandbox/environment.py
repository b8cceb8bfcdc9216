"""Environment variables for everything that talks to the sandbox's AWS API."""

import os
from pathlib import Path

from beeyard.sandbox.state import write_file

#: Access keys, each its own secret key: of the account, which may do all, and of whoever operates
#: the cluster, a user of IAM with the rights that `beeyard iam-policy` prints.
ROOT, OPERATOR = "sandbox", "operator"
#: An empty profile: a profile, or a configuration file, of the user's must have no say here.
_CONFIG = "[default]\n"


def variables(folder: Path, region: str, key: str = ROOT) -> dict[str, str]:
    """Credentials that mean nothing anywhere else, and a shield against those of the user."""
    config = folder / "aws-config"
    write_file(config, _CONFIG)
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": key,
        "AWS_SESSION_TOKEN": "",
        "AWS_SECURITY_TOKEN": "",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_PROFILE": "default",
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(config),
        "AWS_EC2_METADATA_DISABLED": "true",
        **_without_proxy(),
    }


def _without_proxy() -> dict[str, str]:
    """The API is on this machine: a company's proxy can't reach it."""
    listed = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    hosts = ",".join([*filter(None, listed.split(",")), "127.0.0.1", "localhost"])
    return {"NO_PROXY": hosts, "no_proxy": hosts}
