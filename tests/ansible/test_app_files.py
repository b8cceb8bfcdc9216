"""Which secrets of an application are made: those that the Swarm holds in no form."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import beeyard.provision

ROLES = Path(beeyard.provision.__file__).parent / "ansible/roles"
Tool = Callable[..., subprocess.CompletedProcess[str]]

_PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files: ["{{ role }}/vars/main.yml"]
  tasks:
    - ansible.builtin.copy:
        dest: "{{ out }}"
        content: "{{ {'missing': app_files_missing | map(attribute='key'), 'valueless': app_files_valueless} | to_json }}"
        mode: "0600"
"""  # noqa: E501


def found(tool: Tool, folder: Path, *held: str) -> dict[str, Any]:
    """What the role finds missing, where the Swarm holds secrets of those names."""
    play, out = folder / "play.yml", folder / "out.json"
    play.write_text(_PLAY)
    secrets = {"a": {"source": "generate"}, "b": {"source": "value"}}
    variables = {
        "role": str(ROLES / "app_files"),
        "out": str(out),
        "app_files_name": "shop",
        "app_files_applications": [{"name": "shop", "secrets": secrets}],
        "app_files_present": {"stdout_lines": list(held)},
    }
    said = tool("ansible-playbook", str(play), "-i", "localhost,", "-e", json.dumps(variables))
    assert said.returncode == 0, said.stdout + said.stderr
    read = json.loads(out.read_text())
    assert isinstance(read, dict)
    return read


def test_what_was_set_is_neither_made_nor_asked_for(tool: Tool, tmp_path: Path) -> None:
    assert found(tool, tmp_path) == {"missing": ["a", "b"], "valueless": ["b"]}
    assert found(tool, tmp_path, "a", "b") == {"missing": [], "valueless": []}
    versions = ("a.0123456789ab", "b.ffffffffffff")
    assert found(tool, tmp_path, *versions) == {"missing": [], "valueless": []}
    others = ("a.settings", "a.0123456789ab.old", "shop_b.0123456789ab")
    assert found(tool, tmp_path, *others) == {"missing": ["a", "b"], "valueless": ["b"]}
