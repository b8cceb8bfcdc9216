"""The Compose files of the infrastructure, rendered by Ansible, and what they promise."""

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra_given import PLAY, ROLE, given

Tool = Callable[..., subprocess.CompletedProcess[str]]
Stacks = dict[str, dict[str, Any]]

_PLAY = (
    PLAY
    + """\
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
        - ci/stack.yml
"""
)

#: The two worlds: AWS as it usually is, and one without IPVS, on other ports, with a CA of its own.
_USUAL: dict[str, Any] = {}
_OTHER: dict[str, Any] = {
    "infra_stack_https_port": 8443,
    "infra_stack_acme_ca_certificate": "PEM",
    "infra_stack_encrypt_networks": True,
}


def _render(tool: Tool, folder: Path, ipvs: tuple[str, ...], variables: dict[str, Any]) -> Stacks:
    """All templates, rendered by Ansible into `folder`; gives the stacks by file name."""
    # The templates look each other up beside the playbook, as they do beside their role.
    (folder / "templates").symlink_to(ROLE / "templates")
    (folder / "play.yml").write_text(_PLAY)
    nodes = [{"Spec": {"Labels": {"beeyard.ipvs": value, "zone": "a"}}} for value in ipvs]
    variables = {**given([], nodes), "out": str(folder), **variables}
    play = str(folder / "play.yml")
    ran = tool("ansible-playbook", "-i", "localhost,", "-e", json.dumps(variables), play)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return {path.name: yaml.safe_load(path.read_text()) for path in folder.glob("*-stack.yml")}


@pytest.fixture(scope="session")
def usual(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    return _render(tool, tmp_path_factory.mktemp("usual"), ("true", "true"), _USUAL)


@pytest.fixture(scope="session")
def other(tool: Tool, tmp_path_factory: pytest.TempPathFactory) -> Stacks:
    return _render(tool, tmp_path_factory.mktemp("other"), ("true", "false"), _OTHER)


def _named(service: dict[str, Any], kind: str) -> set[str]:
    entries = service.get(kind, [])
    return {entry["source"] if isinstance(entry, dict) else entry for entry in entries}


def test_each_stack_declares_what_its_services_use(usual: Stacks, other: Stacks) -> None:
    assert len(usual) == len(other) == 4
    for stack in (*usual.values(), *other.values()):
        assert stack["version"] == "3.8"
        for service in stack["services"].values():
            assert service["deploy"]["labels"]["beeyard.digest"] == "abc"
            for kind in ("networks", "configs", "secrets"):
                assert _named(service, kind) <= set(stack.get(kind, {}))


def test_the_redirect_names_the_port_only_where_it_is_not_the_usual_one(
    usual: Stacks, other: Stacks
) -> None:
    flag = "--entrypoints.http.http.redirections.entrypoint.to="
    assert flag + "https" in usual["traefik-stack.yml"]["services"]["traefik"]["command"]
    assert flag + ":8443" in other["traefik-stack.yml"]["services"]["traefik"]["command"]


def test_an_authority_of_its_own_is_trusted_beside_those_of_the_system(
    usual: Stacks, other: Stacks
) -> None:
    assert "environment" not in usual["traefik-stack.yml"]["services"]["traefik"]
    assert other["traefik-stack.yml"]["services"]["traefik"]["environment"] == {
        "LEGO_CA_CERTIFICATES": "/etc/traefik/acme-ca.pem",
        "LEGO_CA_SYSTEM_CERT_POOL": "true",
    }


def test_one_node_without_ipvs_is_enough_for_dnsrr(usual: Stacks, other: Stacks) -> None:
    def mode(stacks: Stacks) -> str:
        proxy = stacks["traefik-stack.yml"]["services"]["socket-proxy"]
        return str(proxy["deploy"]["endpoint_mode"])

    assert (mode(usual), mode(other)) == ("vip", "dnsrr")


def test_networks_are_encrypted_only_where_asked_for(usual: Stacks, other: Stacks) -> None:
    assert "driver_opts" not in usual["traefik-stack.yml"]["networks"]["socket"]
    assert "encrypted" in other["traefik-stack.yml"]["networks"]["socket"]["driver_opts"]


def test_only_the_socket_proxy_has_the_engines_socket(usual: Stacks) -> None:
    stack = usual["traefik-stack.yml"]
    assert not any("docker.sock" in volume for volume in stack["services"]["traefik"]["volumes"])
    assert _named(stack["services"]["socket-proxy"], "networks") == {"socket"}
    assert stack["networks"]["socket"]["internal"] is True


def test_of_the_pipelines_only_the_runner_has_the_engines_socket(usual: Stacks) -> None:
    services = usual["ci-stack.yml"]["services"]
    with_socket = [
        name
        for name, service in services.items()
        if any("docker.sock" in str(volume) for volume in service["volumes"])
    ]
    assert with_socket == ["runner"]
    assert services["controller"]["cap_drop"] == ["ALL"]
    assert services["runner"]["environment"]["BEEYARD_NODE"] == "{{.Node.Hostname}}"
    assert set(services["runner"]["secrets"]) == {"runner_token"}


def test_the_controller_trusts_an_authority_of_its_own(usual: Stacks, other: Stacks) -> None:
    for name in ("controller", "runner"):
        assert usual["ci-stack.yml"]["services"][name]["configs"] == []
        (one,) = other["ci-stack.yml"]["services"][name]["configs"]
        assert one["target"] == "/etc/beeyard/acme-ca.pem"


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
    text = (ROLE / "templates/traefik/haproxy.cfg.j2").read_text()
    pattern = re.search(r"path -m reg (\S+)", text)
    assert pattern
    assert bool(re.search(pattern[1], path)) is allowed
