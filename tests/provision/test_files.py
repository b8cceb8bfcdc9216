"""The files that Ansible and SSH read: their content, and who may read them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from beeyard.inventory import SshAccess, build, render_ssh_config
from beeyard.process import Command, LocalRunner
from beeyard.provision import ProvisionFiles, for_a_playbook, write
from cloud.example import outputs, spec

SECRETS = {"shop_token": "env:SHOP_TOKEN", "shop_key": "generate"}


@pytest.fixture(params=["plain", "with some spaces"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> ProvisionFiles:
    return written(tmp_path / str(request.param))


def written(folder: Path) -> ProvisionFiles:
    access = SshAccess("admin", folder / "id", folder / "known_hosts", folder / "sockets")
    described = spec(applications={"shop": {"path": ".", "secrets": SECRETS}})
    inventory = build(described, outputs(), access)
    files = write(inventory, folder / "provision")
    with for_a_playbook(inventory, files):
        pass
    return files


def as_ansible_reads(files: ProvisionFiles) -> dict[str, Any]:
    program = Path(sys.executable).with_name("ansible-inventory")
    command = Command(
        [str(program), "-i", str(files.inventory), "--list"],
        env={"ANSIBLE_LOCAL_TEMP": str(files.folder / "tmp")},
    )
    listed: dict[str, Any] = json.loads(LocalRunner().run(command).stdout)
    return listed


def test_ansible_finds_the_groups_and_what_each_host_is(tmp_path: Path) -> None:
    files = written(tmp_path / "with some spaces")
    listed = as_ansible_reads(files)
    assert listed["managers"]["hosts"] == ["manager-1"]
    assert listed["workers"]["hosts"] == ["worker-1", "worker-2"]
    assert set(listed["nodes"]["children"]) == {"managers", "workers"}
    worker = listed["_meta"]["hostvars"]["worker-2"]
    assert (worker["node_role"], worker["node_zone"], worker["node_private_ip"]) == (
        "worker",
        "eu-central-1c",
        "10.20.8.4",
    )
    # The alias of ssh_config, so that jumps and pinned host keys apply.
    assert worker["ansible_host"] == "worker-2"
    assert worker["infra_stack_domain"] == "shop.example.com"
    _check_ssh_arguments(worker["ansible_ssh_common_args"], files)


def test_words_stay_words_for_ansible(tmp_path: Path) -> None:
    """Which reads YAML 1.1: there a bare 15:30 is a number, and `on` is true."""
    words = ["03:00", "15:30", "on", "no", "0123", "190:20:30.15"]
    access = SshAccess("admin", tmp_path / "id", tmp_path / "known_hosts", tmp_path / "sockets")
    told = build(spec(), outputs(), access, backups={"backups_times": words})
    with for_a_playbook(told, write(told, tmp_path / "provision")) as files:
        variables = as_ansible_reads(files)["_meta"]["hostvars"]["manager-1"]
    assert variables["backups_times"] == words


def _check_ssh_arguments(arguments: str, files: ProvisionFiles) -> None:
    """As Ansible's connection plugin splits them, so does a shell."""
    said = LocalRunner().run(Command(["sh", "-c", f"printf '%s\\n' {arguments}"]))
    assert said.stdout.splitlines() == ["-F", str(files.ssh_config)]


def test_the_ssh_configuration_is_the_one_of_the_inventory(files: ProvisionFiles) -> None:
    folder = files.folder.parent
    access = SshAccess("admin", folder / "id", folder / "known_hosts", folder / "sockets")
    assert files.ssh_config.read_text() == render_ssh_config(build(spec(), outputs(), access))


def test_nobody_else_may_look(files: ProvisionFiles) -> None:
    sockets = files.folder.parent / "sockets"
    modes = {
        path: path.stat().st_mode & 0o777
        for path in (files.folder, sockets, files.inventory, files.ssh_config)
    }
    assert modes == {
        files.folder: 0o700,
        sockets: 0o700,
        files.inventory: 0o600,
        files.ssh_config: 0o600,
    }


def test_no_value_of_a_secret_is_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SHOP_TOKEN", "hush-hush")
    files = written(tmp_path)
    texts = [path.read_text() for path in files.folder.rglob("*") if path.is_file()]
    assert len(texts) == 2
    assert not any("hush-hush" in text for text in texts)


def test_who_only_looks_changes_nothing_of_what_a_playbook_reads(tmp_path: Path) -> None:
    """It knows less: neither of backups nor of pipelines."""
    before = written(tmp_path).inventory.read_bytes()
    access = SshAccess("admin", tmp_path / "id", tmp_path / "known_hosts", tmp_path / "sockets")
    files = write(build(spec(), outputs(), access), tmp_path / "provision")
    assert files.inventory.read_bytes() == before


def test_two_playbooks_at_once_read_each_their_own(tmp_path: Path) -> None:
    access = SshAccess("admin", tmp_path / "id", tmp_path / "known_hosts", tmp_path / "sockets")
    one, other = (build(spec(domain=name), outputs(), access) for name in ("a.test", "b.test"))
    files = write(one, tmp_path / "provision")
    with for_a_playbook(one, files) as first, for_a_playbook(other, files) as second:
        assert "a.test" in first.inventory.read_text()
        assert "b.test" in second.inventory.read_text()
    assert [path.name for path in files.folder.glob("inventory*")] == ["inventory.yml"]


def test_what_a_killed_one_left_is_removed(tmp_path: Path) -> None:
    files = written(tmp_path)
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    left = files.folder / f"inventory-abcd-{gone.pid}.yml"
    left.touch()
    written(tmp_path)
    assert not left.exists()


def test_written_again_they_are_the_same(tmp_path: Path) -> None:
    first = written(tmp_path)
    before = first.inventory.read_bytes()
    os.chmod(first.inventory, 0o644)  # noqa: PTH101

    assert written(tmp_path) == first

    assert first.inventory.read_bytes() == before
    assert first.inventory.stat().st_mode & 0o777 == 0o600
