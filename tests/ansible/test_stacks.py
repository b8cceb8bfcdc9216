"""The Compose files of the infrastructure, rendered by Ansible, and what they promise."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

import beeyard.provision

PROJECT = Path(beeyard.provision.__file__).parent / "ansible"
Tool = Callable[..., subprocess.CompletedProcess[str]]

_PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_vars: "{{ role }}/defaults/main.yml"
    - ansible.builtin.include_vars: "{{ role }}/vars/main.yml"
    - ansible.builtin.template:
        src: "{{ role }}/templates/{{ item }}.j2"
        dest: "{{ out }}/{{ item | replace('/', '-') }}"
        mode: "0600"
      vars: {infra_stack_digest: abc}
      loop:
        - traefik/stack.yml
        - traefik/dynamic.yml
        - traefik/haproxy.cfg
        - registry/stack.yml
        - registry/config.yml
        - portainer/stack.yml
"""
_NAMES = ("dashboard_users", "registry_htpasswd", "registry_http_secret", "portainer_password")


@pytest.fixture
def render(tool: Tool, tmp_path: Path) -> Any:
    """Renders all templates with the given variables; gives the folder."""

    def rendered(**variables: Any) -> Path:
        role = PROJECT / "roles" / "infra_stack"
        # The templates look each other up beside the playbook, as they do beside their role.
        (tmp_path / "templates").unlink(missing_ok=True)
        (tmp_path / "templates").symlink_to(role / "templates")
        (tmp_path / "play.yml").write_text(_PLAY)
        given = {
            "role": str(role),
            "out": str(tmp_path),
            "efs_path": "/mnt/efs",
            "infra_stack_domain": "cluster.test",
            "infra_stack_secrets": {"digests": dict.fromkeys(_NAMES, "0123456789ab")},
            "infra_stack_swarm": {"nodes": [], "services": []},
            **variables,
        }
        play = str(tmp_path / "play.yml")
        ran = tool("ansible-playbook", "-i", "localhost,", "-e", json.dumps(given), play)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return tmp_path

    return rendered


def _stacks(folder: Path) -> dict[str, dict[str, Any]]:
    return {path.name: yaml.safe_load(path.read_text()) for path in folder.glob("*-stack.yml")}


def _named(service: dict[str, Any], kind: str) -> set[str]:
    entries = service.get(kind, [])
    return {entry["source"] if isinstance(entry, dict) else entry for entry in entries}


def test_each_stack_declares_what_its_services_use(render: Any) -> None:
    given = {"infra_stack_acme_ca_certificate": "PEM", "infra_stack_encrypt_networks": True}
    stacks = _stacks(render(**given))
    assert len(stacks) == 3
    for stack in stacks.values():
        assert stack["version"] == "3.8"
        for service in stack["services"].values():
            assert service["deploy"]["labels"]["beeyard.digest"] == "abc"
            for kind in ("networks", "configs", "secrets"):
                assert _named(service, kind) <= set(stack.get(kind, {}))


def test_the_redirect_names_the_port_only_where_it_is_not_the_usual_one(render: Any) -> None:
    flag = "--entrypoints.http.http.redirections.entrypoint.to="
    for port, target in ((443, "https"), (8443, ":8443")):
        stack = _stacks(render(infra_stack_https_port=port))["traefik-stack.yml"]
        assert flag + target in stack["services"]["traefik"]["command"]


@pytest.mark.parametrize(("second", "mode"), [("true", "vip"), ("false", "dnsrr")])
def test_one_node_without_ipvs_is_enough_for_dnsrr(render: Any, second: str, mode: str) -> None:
    labels = [{"beeyard.ipvs": value, "zone": "a"} for value in ("true", second)]
    nodes = [{"Spec": {"Labels": label}} for label in labels]
    stack = _stacks(render(infra_stack_swarm={"nodes": nodes, "services": []}))["traefik-stack.yml"]
    assert stack["services"]["socket-proxy"]["deploy"]["endpoint_mode"] == mode


def test_only_the_socket_proxy_has_the_engines_socket(render: Any) -> None:
    stack = _stacks(render())["traefik-stack.yml"]
    assert not any("docker.sock" in volume for volume in stack["services"]["traefik"]["volumes"])
    assert _named(stack["services"]["socket-proxy"], "networks") == {"socket"}
    assert stack["networks"]["socket"]["internal"] is True


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/_ping", True),
        ("/v1.41/services", True),
        ("/tasks", True),
        ("/nodes/r8hzsnaw2oh3", True),
        ("/secrets", False),
        ("/v1.41/configs", False),
        ("/services/x/logs", False),
        ("/nodes/x/update", False),
        ("/services/../secrets", False),
        ("/info/%2e%2e/secrets", False),
        ("/containers/x/exec", False),
    ],
)
def test_the_socket_proxy_lets_through_what_traefik_reads(path: str, allowed: bool) -> None:
    text = (PROJECT / "roles/infra_stack/templates/traefik/haproxy.cfg.j2").read_text()
    pattern = re.search(r"path -m reg (\S+)", text)
    assert pattern
    assert bool(re.search(pattern[1], path)) is allowed
