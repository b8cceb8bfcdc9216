"""Which stacks of the infrastructure are deployed: whose services are not as they were left."""

import json
import subprocess
from collections.abc import Callable
from copy import deepcopy
from runpy import run_path
from typing import Any

import pytest

from infra_given import ROLE, given

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: "{{ role }}/defaults/main.yml"
    - ansible.builtin.include_vars: "{{ role }}/vars/main.yml"
    - ansible.builtin.copy:
        content: "{{ {'due': infra_stack_due, 'digests': infra_stack_digests} | to_json }}"
        dest: "{{ out }}"
        mode: "0600"
"""
Tool = Callable[..., subprocess.CompletedProcess[str]]
Services = list[dict[str, Any]]
Look = Callable[[Services], dict[str, Any]]
fingerprint = run_path(str(ROLE / "filter_plugins/service_fingerprint.py"))["service_fingerprint"]


@pytest.fixture(scope="session")
def look(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """What the role makes of these services."""
    folder = tmp_path_factory.mktemp("due")
    # The templates look each other up beside the playbook, as they do beside their role.
    for part in ("templates", "filter_plugins"):
        (folder / part).symlink_to(ROLE / part)
    (folder / "play.yml").write_text(PLAY)

    def look(services: Services) -> dict[str, Any]:
        variables = {
            **given(services, []),
            "out": str(folder / "found.json"),
            "infra_stack_services": ["registry"],
            "infra_stack_skipped": {},
        }
        ran = tool(
            *("ansible-playbook", "-i", "localhost,", "-e", json.dumps(variables)),
            str(folder / "play.yml"),
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        found: dict[str, Any] = json.loads((folder / "found.json").read_text())
        return found

    return look


@pytest.fixture(scope="session")
def left(look: Look) -> Services:
    """The services as they are when they were deployed."""
    digests = look([])["digests"]
    names = ("traefik_traefik", "traefik_socket-proxy", "registry_registry")
    return [_deployed(name, digests[name.partition("_")[0]]) for name in names]


def _deployed(name: str, digest: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "Name": name,
        "Labels": {"beeyard.digest": digest},
        "TaskTemplate": {"ContainerSpec": {"Image": f"{name}:1"}, "ForceUpdate": 0},
        "Mode": {"Replicated": {"Replicas": 1}},
    }
    spec["Labels"]["beeyard.deployed"] = fingerprint(spec)
    return {"Spec": spec}


def test_all_are_deployed_at_first_and_then_none(look: Look, left: Services) -> None:
    assert look([])["due"] == ["traefik", "registry"]
    assert look(left)["due"] == []


def _scaled(spec: dict[str, Any]) -> None:
    spec["Mode"]["Replicated"]["Replicas"] = 0


def _labelled(spec: dict[str, Any]) -> None:
    spec["Labels"]["by"] = "hand"


def _older(spec: dict[str, Any]) -> None:
    spec["Labels"]["beeyard.digest"] = "another"


def _of_a_beeyard_that_noted_nothing(spec: dict[str, Any]) -> None:
    del spec["Labels"]["beeyard.deployed"]


@pytest.mark.parametrize("change", [_scaled, _labelled, _older, _of_a_beeyard_that_noted_nothing])
def test_what_was_changed_is_deployed_again(
    look: Look, left: Services, change: Callable[[dict[str, Any]], None]
) -> None:
    services = deepcopy(left)
    change(services[2]["Spec"])
    assert look(services)["due"] == ["registry"]


def test_tasks_that_were_started_anew_are_no_change(look: Look, left: Services) -> None:
    services = deepcopy(left)
    services[0]["Spec"]["TaskTemplate"]["ForceUpdate"] = 3
    assert look(services)["due"] == []
