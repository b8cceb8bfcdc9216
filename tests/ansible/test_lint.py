"""The linters and Ansible's own parser have nothing to say."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import beeyard.provision

PROJECT = Path(beeyard.provision.__file__).parent / "ansible"
PLAYBOOKS = sorted(path.name for path in PROJECT.glob("*.yml"))
Tool = Callable[..., subprocess.CompletedProcess[str]]


def test_ansible_lint_passes_with_the_profile_production(tool: Tool) -> None:
    found = tool("ansible-lint", *PLAYBOOKS, "roles")
    assert found.returncode == 0, found.stdout + found.stderr
    assert "Profile 'production'" in found.stdout + found.stderr


def test_yamllint_passes(tool: Tool) -> None:
    found = tool("yamllint", "--strict", ".")
    assert found.returncode == 0, found.stdout


def test_each_playbook_parses(tool: Tool) -> None:
    found = tool("ansible-playbook", "--inventory", "localhost,", "--syntax-check", *PLAYBOOKS)
    assert found.returncode == 0, found.stderr
    assert all(f"playbook: {name}" in found.stdout for name in PLAYBOOKS)


def test_the_playbooks_are_the_ones_that_deploy_imports() -> None:
    imported = (PROJECT / "deploy.yml").read_text()
    # That one is no part of a deploy: `beeyard rotate` runs it.
    parts = [name for name in PLAYBOOKS if name not in {"deploy.yml", "rotate_secret.yml"}]
    assert len(parts) == 4
    assert all(f"import_playbook: {name}" in imported for name in parts)
