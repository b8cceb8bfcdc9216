"""Which infrastructure services are passed over, as their images can't be had."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from infra_given import ROLE

Tool = Callable[..., subprocess.CompletedProcess[str]]
#: What no engine can pull, and no network is asked for.
_NONE = {"portainer": "no image", "portainer_agent": "no image either"}


@pytest.mark.parametrize(
    ("outdated", "asked"),
    [
        pytest.param([], {"no image": True, "no image either": True}, id="not-wanted-or-as-it-is"),
        pytest.param(["portainer"], {"no image": False}, id="no-second-question-after-a-no"),
    ],
)
def test_only_where_portainer_is_due_images_are_asked_for(
    tool: Tool, tmp_path: Path, outdated: list[str], asked: dict[str, bool]
) -> None:
    (pull, *_) = YAML(typ="safe").load(ROLE / "tasks/skipped.yml")
    keep = {
        "ansible.builtin.copy": {
            "content": "{{ infra_stack_pull.results | to_json }}",
            "dest": str(tmp_path / "results.json"),
            "mode": "0600",
        }
    }
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {
            "infra_stack_pull_timeout": 10,
            "infra_stack_images": _NONE,
            "infra_stack_outdated": outdated,
        },
        "tasks": [pull, keep],
    }
    YAML().dump([play], tmp_path / "play.yml")
    ran = tool("ansible-playbook", "-i", "localhost,", str(tmp_path / "play.yml"))
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found: list[dict[str, Any]] = json.loads((tmp_path / "results.json").read_text())
    assert {one["item"]: one.get("skipped", False) for one in found} == asked
