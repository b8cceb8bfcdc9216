"""The playbooks as somebody runs them who has Ansible, and no beeyard."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beeyard.inventory import Controller, Inventory, SshAccess, build
from beeyard.provision.plain import asked_for, lay_out_plain, without_secrets
from cloud.example import outputs, spec

HASH = "$2b$12$" + "a" * 53
SECTIONS: dict[str, Any] = {
    "infrastructure": ["registry", "ci"],
    "ingress": {"acme": {"email": "ops@example.com"}, "dashboard_users": {"ada": HASH}},
    "applications": {
        "shop": {"path": ".", "secrets": {"shop_key": "generate", "mail_key": "env:MAIL"}}
    },
}


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    known = tmp_path / "known_hosts"
    known.write_text("i-manager-1 ssh-ed25519 AAAA\n")
    ssh = SshAccess("admin", tmp_path / "id", known, tmp_path / "s")
    return build(spec(**SECTIONS), outputs(), ssh, Controller("ci:1", ("a key",)))


@pytest.fixture
def folder(inventory: Inventory, tmp_path: Path) -> Path:
    lay_out_plain(inventory, tmp_path / "plain")
    return tmp_path / "plain"


def seen_by_ansible(folder: Path, *more: str) -> Any:
    program = str(Path(sys.executable).with_name("ansible-inventory"))
    argv = [program, "--list", *more]
    said = subprocess.run(argv, cwd=folder, capture_output=True, check=True)
    return json.loads(said.stdout)["_meta"]["hostvars"]


def test_ansible_finds_everything_from_there(folder: Path) -> None:
    hosts = seen_by_ansible(folder)
    assert sorted(hosts) == ["manager-1", "worker-1", "worker-2"]
    manager = hosts["manager-1"]
    assert manager["ansible_ssh_common_args"] == "-F ssh_config"
    assert manager["infra_stack_services"] == ["registry", "ci"]


def test_nothing_secret_is_written(folder: Path) -> None:
    texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert not [text for text in texts if HASH in text]
    variables = (folder / "inventory/group_vars/nodes.yml").read_text()
    assert "infra_stack_keep_dashboard_users: true" in variables
    assert "lookup(" not in variables


def test_what_the_controller_knows_stays_on_the_manager(inventory: Inventory) -> None:
    ci = without_secrets(inventory.variables)["infra_stack_ci"]
    assert ci["image"] == "ci:1"
    assert "cluster" not in ci


def test_a_value_of_the_operators_own_is_asked_for(inventory: Inventory) -> None:
    assert asked_for(inventory.variables) == ["mail_key"]
    (shop,) = without_secrets(inventory.variables)["app_files_applications"]
    assert shop["secrets"]["shop_key"] == {"source": "generate"}
    assert "app_files_given" in shop["secrets"]["mail_key"]["value"]


@pytest.mark.parametrize(
    ("given", "value"), [((), ""), (("-e", '{"app_files_given": {"mail_key": "x"}}'), "x")]
)
def test_it_is_found_where_it_is_given(folder: Path, given: tuple[str, ...], value: str) -> None:
    program = str(Path(sys.executable).with_name("ansible"))
    argv = [program, "manager-1", "-c", "local", "-m", "ansible.builtin.debug", *given]
    argv += ["-a", "msg=<{{ app_files_applications[0].secrets.mail_key.value }}>"]
    said = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stdout
    assert f"<{value}>" in said


def test_ssh_knows_nodes_and_keys_from_there(folder: Path) -> None:
    argv = ["ssh", "-G", "-F", "ssh_config", "worker-1"]
    said = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True).stdout
    options = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    assert options["userknownhostsfile"] == "known_hosts"
    assert options["controlpath"].startswith("sockets/")
    assert options["proxyjump"] == "manager-1"
    assert (folder / "known_hosts").read_text() == "i-manager-1 ssh-ed25519 AAAA\n"
    assert (folder / "sockets/.gitignore").is_file()


def test_every_collection_of_the_roles_is_required(folder: Path) -> None:
    named = set(re.findall(r"name: (\S+)", (folder / "requirements.yml").read_text()))
    used = {
        name
        for path in (folder / "roles").rglob("*.yml")
        for name in re.findall(r"\b((?:ansible|community)\.\w+)\.\w+:", path.read_text())
    }
    assert named == used - {"ansible.builtin"} != set()
    assert re.fullmatch(r"ansible==[\d.]+\n", (folder / "requirements.txt").read_text())
