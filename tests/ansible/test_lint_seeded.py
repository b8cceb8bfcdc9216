"""ansible-lint is a gate: what is broken on purpose in a copied role does not pass."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import beeyard.provision

PROJECT = Path(beeyard.provision.__file__).parent / "ansible"
Tool = Callable[..., subprocess.CompletedProcess[str]]

#: A task for each rule that it breaks, and no other.
_SEEDS = {
    "no-changed-when": """
- name: Say that something has changed, whatever happened
  ansible.builtin.command: /bin/true
""",
    "risky-file-permissions": """
- name: Leave the rights of a file to chance
  ansible.builtin.copy:
    content: x
    dest: /etc/seeded
""",
    "risky-shell-pipe": """
- name: Lose the exit code of all but the last
  ansible.builtin.shell: cat /etc/passwd | sort
  changed_when: false
""",
    "package-latest": """
- name: Install whatever is newest today
  ansible.builtin.apt:
    name: curl
    state: latest
""",
    "ignore-errors": """
- name: Swallow an error
  ansible.builtin.command: /bin/false
  changed_when: false
  ignore_errors: true
""",
    "fqcn[action-core]": """
- name: Use a short name
  command: /bin/true
  changed_when: false
""",
    "name[missing]": """
- ansible.builtin.command: /bin/true
  changed_when: false
""",
}


@pytest.fixture(scope="module")
def found(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The rules that a copy of the project breaks, with all the seeds in one of its roles."""
    copy = tmp_path_factory.mktemp("seeded") / "ansible"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns(".ansible"))
    with (copy / "roles/base/tasks/main.yml").open("a") as tasks:
        tasks.writelines(_SEEDS.values())
    done = tool("ansible-lint", "--format", "json", "roles/base", cwd=copy)
    assert done.returncode == 2, done.stderr
    return {str(one["check_name"]) for one in json.loads(done.stdout)}


@pytest.mark.parametrize("rule", _SEEDS)
def test_ansible_lint_finds_what_was_broken(rule: str, found: set[str]) -> None:
    assert rule in found


def test_and_nothing_else(found: set[str]) -> None:
    """So that it is the seeds that it found."""
    assert found == set(_SEEDS)
