"""The modules and projects by themselves: form, validity under provider 3.39, their own tests."""

import subprocess
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import hcl2
import pytest

Terraform = Callable[..., subprocess.CompletedProcess[str]]

ROOT = Path(str(resources.files("beeyard.cloud") / "terraform"))
MODULES = ["database", "dns", "efs", "elastic_ips", "network", "swarm_cluster"]
PROJECTS = ["database", "dns", "efs", "elastic_ips", "swarm_cluster"]
FOLDERS = [f"modules/{name}" for name in MODULES] + [f"projects/{name}" for name in PROJECTS]


def test_every_folder_is_tested() -> None:
    found = [str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/*/main.tf")]
    assert sorted(found) == FOLDERS


def test_format(terraform: Terraform) -> None:
    assert terraform(ROOT, "fmt", "-check", "-recursive", "-list=true").stdout == ""


@pytest.mark.parametrize("folder", FOLDERS)
def test_valid(folder: str, tree: Path, terraform: Terraform) -> None:
    terraform(tree / folder, "init", "-backend=false", "-input=false")
    said = terraform(tree / folder, "validate", "-no-color").stdout
    assert "Warning" not in said


@pytest.mark.parametrize("module", MODULES)
def test_behaviour(module: str, tree: Path, terraform: Terraform) -> None:
    """The `.tftest.hcl` files beside the module, with the provider mocked."""
    folder = tree / "modules" / module
    terraform(folder, "init", "-input=false")
    said = terraform(folder, "test", "-no-color").stdout
    assert "0 failed" in said
    assert "Success! 0 passed" not in said


@pytest.mark.parametrize("folder", FOLDERS)
def test_parts(folder: str) -> None:
    needed = {"main.tf", "variables.tf", "outputs.tf", "versions.tf"}
    if folder.startswith("modules/"):
        needed |= {"README.md"}
    assert needed <= {path.name for path in (ROOT / folder).iterdir()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_everything_is_typed_and_described(folder: str) -> None:
    variables = _blocks(ROOT / folder / "variables.tf", "variable")
    outputs = _blocks(ROOT / folder / "outputs.tf", "output")
    assert variables
    assert outputs
    assert [
        name for name, body in variables.items() if not {"type", "description"} <= set(body)
    ] == []
    assert [name for name, body in outputs.items() if "description" not in body] == []


@pytest.mark.parametrize("module", MODULES)
def test_readme_names_every_variable_and_output(module: str) -> None:
    folder = ROOT / "modules" / module
    readme = (folder / "README.md").read_text()
    names = [
        *_blocks(folder / "variables.tf", "variable"),
        *_blocks(folder / "outputs.tf", "output"),
    ]
    assert [name for name in names if f"`{name}`" not in readme] == []


def _blocks(path: Path, kind: str) -> dict[str, dict[str, object]]:
    with path.open() as file:
        content = hcl2.load(file)
    return {
        label.strip('"'): body for block in content.get(kind, []) for label, body in block.items()
    }
