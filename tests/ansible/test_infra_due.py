"""Which stacks of the infrastructure are deployed: whose services are not as they were left."""

import json
import subprocess
from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from runpy import run_path
from typing import Any

import pytest

from infra_given import PLAY, ROLE, given

_PLAY = (
    PLAY
    + """\
    - ansible.builtin.copy:
        content: "{{ found | to_json }}"
        dest: "{{ out }}"
        mode: "0600"
      vars:
        found:
          due: "{{ infra_stack_due }}"
          digests: "{{ infra_stack_digests }}"
          note: "{{ infra_stack_to_note }}"
"""
)
Tool = Callable[..., subprocess.CompletedProcess[str]]
Services = list[dict[str, Any]]
Look = Callable[..., dict[str, Any]]
fingerprint = run_path(str(ROLE / "filter_plugins/service_fingerprint.py"))["service_fingerprint"]


@pytest.fixture(scope="session")
def look(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Look:
    """What the role makes of these services, of which this was noted before; and of what is there
    once all is deployed."""
    folder = tmp_path_factory.mktemp("due")
    # The templates look each other up beside the playbook, as they do beside their role.
    for part in ("templates", "filter_plugins"):
        (folder / part).symlink_to(ROLE / part)
    (folder / "play.yml").write_text(_PLAY)

    def look(
        services: Services, noted: dict[str, str] | None = None, deployed: Services | None = None
    ) -> dict[str, Any]:
        before = {"content": b64encode(json.dumps(noted).encode()).decode()} if noted else {}
        variables = {
            **given(services, []),
            "infra_stack_noted_before": before,
            "infra_stack_deployed": {"services": deployed or []},
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
    container = {"Image": f"{name}:1", "Env": ["B=1", "A=2"], "Mounts": [{"Target": "/tmp"}]}
    spec: dict[str, Any] = {
        "Name": name,
        "Labels": {"beeyard.digest": digest},
        "TaskTemplate": {"ContainerSpec": container, "ForceUpdate": 0},
        "Mode": {"Replicated": {"Replicas": 1}},
    }
    return {"Spec": spec}


def _note(services: Services) -> dict[str, str]:
    return {one["Spec"]["Name"]: fingerprint(one["Spec"]) for one in services}


def test_all_are_deployed_and_noted_at_first_and_then_none(look: Look, left: Services) -> None:
    first = look([], deployed=left)
    assert (first["due"], first["note"]) == (["traefik", "registry"], _note(left))
    second = look(left, _note(left))
    assert (second["due"], second["note"]) == ([], _note(left))


def test_what_an_older_beeyard_deployed_is_taken_as_it_is(look: Look, left: Services) -> None:
    found = look(left)
    assert (found["due"], found["note"]) == ([], _note(left))


def _scaled(spec: dict[str, Any]) -> None:
    spec["Mode"]["Replicated"]["Replicas"] = 0


def _labelled(spec: dict[str, Any]) -> None:
    spec["Labels"]["by"] = "hand"


def _older(spec: dict[str, Any]) -> None:
    spec["Labels"]["beeyard.digest"] = "another"


@pytest.mark.parametrize("change", [_scaled, _labelled, _older])
def test_what_was_changed_is_deployed_again(
    look: Look, left: Services, change: Callable[[dict[str, Any]], None]
) -> None:
    services = deepcopy(left)
    change(services[2]["Spec"])
    # A check deploys nothing, and what is changed is not taken for what it should be.
    checked = look(services, _note(left))
    assert (checked["due"], checked["note"]) == (["registry"], _note(left))
    assert look(services, _note(left), left)["note"] == _note(left)


def test_tasks_that_were_started_anew_are_no_change(look: Look, left: Services) -> None:
    services = deepcopy(left)
    services[0]["Spec"]["TaskTemplate"]["ForceUpdate"] = 3
    assert look(services, _note(left))["due"] == []
