"""The Terraform tree as somebody works with it who has Terraform, and no beeyard."""

import json
import shlex
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beeyard.cloud.target import Target
from beeyard.cloud.workspace import CLI_CONFIG, lay_out, mirrored

#: For whoever works on another API than AWS's: what their shell has to know.
ENVIRONMENT = "environment"
_LOCK_FILE = ".terraform.lock.hcl"
# beeyard hands over another password with each run. Without it, what nobody has to think of is
# needed where the database is made, and only there: later changes of it are ignored.
_PASSWORD: Mapping[str, Any] = {
    "variable": {"initial_password": {"default": ""}},
    "module": {
        "database": {
            "initial_password": '${var.initial_password == "" ? uuid() : var.initial_password}'
        }
    },
}


def lay_out_plain(
    folder: Path,
    variables: Mapping[str, Mapping[str, Any]],
    working_copy: Path,
    *,
    bucket: str,
    region: str,
    target: Target,
) -> None:
    """Write modules and projects below `folder`, each ready for `terraform init`.

    working_copy   where beeyard has applied them: the versions of providers that it locked go along
    """
    homes = lay_out(folder, variables, bucket=bucket, region=region, target=target)
    for project, home in homes.items():
        lock = working_copy / "projects" / project / _LOCK_FILE
        if lock.is_file():
            shutil.copyfile(lock, home / _LOCK_FILE)
    if "database" in homes:
        override = json.dumps(_PASSWORD, indent=2) + "\n"
        (homes["database"] / "password_override.tf.json").write_text(override)
    if target.endpoint:
        _write_environment(folder, target)


def _write_environment(folder: Path, target: Target) -> None:
    lines = [f"export {name}={shlex.quote(text)}" for name, text in target.environment.items()]
    if target.provider_mirror:
        (folder / CLI_CONFIG).write_text(mirrored(target.provider_mirror))
        lines.append(f'export TF_CLI_CONFIG_FILE="$PWD/{CLI_CONFIG}"')
    text = "\n".join(["# To be read in this folder: . ./environment", *lines, ""])
    (folder / ENVIRONMENT).write_text(text)
