"""The SSH configuration: its text, and what the OpenSSH client itself makes of it."""

from pathlib import Path

import pytest

from beeyard.inventory import Inventory, SshAccess, build, render_ssh_config
from beeyard.process import Command, LocalRunner
from cloud.example import outputs, spec


def inventory(folder: Path) -> Inventory:
    access = SshAccess("admin", folder / "id", folder / "known_hosts", folder / "s")
    return build(spec(), outputs(), access)


@pytest.fixture(params=["plain", "with some spaces"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / str(request.param)


def understood(folder: Path, host: str) -> dict[str, str]:
    """What `ssh -G` says it would do."""
    config = folder / "ssh_config"
    folder.mkdir(exist_ok=True)
    config.write_text(render_ssh_config(inventory(folder)))
    said = LocalRunner().run(Command(["ssh", "-G", "-F", str(config), host])).stdout
    return dict(line.split(" ", 1) for line in said.splitlines() if " " in line)


def test_a_host_as_text(tmp_path: Path) -> None:
    text = render_ssh_config(inventory(tmp_path))
    assert text.endswith(
        "Host worker-2\n  HostName 10.20.8.4\n  HostKeyAlias i-worker-2\n  ProxyJump manager-1\n"
    )
    assert text.count("ProxyJump") == 2


def test_a_manager_is_reached_directly_as_the_instance_that_it_is(folder: Path) -> None:
    options = understood(folder, "manager-1")
    assert options["hostname"] == "198.51.100.1"
    assert options["hostkeyalias"] == "i-manager-1"
    assert options["user"] == "admin"
    assert "proxyjump" not in options


def test_a_worker_through_the_first_manager(folder: Path) -> None:
    options = understood(folder, "worker-1")
    assert options["hostname"] == "10.20.7.4"
    assert options["proxyjump"] == "manager-1"


def test_only_our_key_and_our_pins_count(folder: Path) -> None:
    options = understood(folder, "worker-1")
    assert options["identityfile"].strip('"') == str(folder / "id")
    assert options["identitiesonly"] == "yes"
    assert options["userknownhostsfile"].strip('"') == str(folder / "known_hosts")
    assert options["globalknownhostsfile"] == "/dev/null"
    assert options["stricthostkeychecking"] in {"yes", "true"}


def test_it_asks_nobody_and_does_not_hang(folder: Path) -> None:
    options = understood(folder, "worker-1")
    assert options["batchmode"] == "yes"
    assert (options["connecttimeout"], options["serveraliveinterval"]) == ("10", "15")


def test_connections_are_shared_per_host(folder: Path) -> None:
    one, other = (understood(folder, name) for name in ("worker-1", "worker-2"))
    assert one["controlmaster"] == "auto"
    assert one["controlpath"].startswith(str(folder / "s"))
    assert one["controlpath"] != other["controlpath"]
