"""What Ansible and SSH read, written into a cluster's folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from beeyard.inventory import Host, Inventory, render_ssh_config


@dataclass(frozen=True)
class ProvisionFiles:
    """Where they are."""

    folder: Path
    inventory: Path
    ssh_config: Path


def write(inventory: Inventory, folder: Path) -> ProvisionFiles:
    """Write inventory and SSH configuration; the folders are the user's alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    inventory.ssh.sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
    files = ProvisionFiles(folder, folder / "inventory.yml", folder / "ssh_config")
    _write(files.ssh_config, render_ssh_config(inventory))
    _write(files.inventory, to_yaml(render_inventory(inventory, files.ssh_config)))
    return files


def render_inventory(inventory: Inventory, ssh_config: Path) -> dict[str, Any]:
    """The YAML inventory, as `ansible-inventory --list` would read it."""
    return {
        "nodes": {
            "vars": {
                "ansible_user": inventory.ssh.user,
                "ansible_become": True,
                "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_ssh_common_args": f"-F {ssh_config}",
                **inventory.variables,
            },
            "children": {
                "managers": {"hosts": {host.name: _host(host) for host in inventory.managers}},
                "workers": {"hosts": {host.name: _host(host) for host in inventory.workers}},
            },
        }
    }


def _host(host: Host) -> dict[str, Any]:
    # ansible_host stays the alias that ssh_config knows, so that jumps and pins apply.
    return {
        "ansible_host": host.name,
        "node_role": host.role,
        "node_zone": host.zone,
        "node_private_ip": host.private_ip,
    }


def to_yaml(value: Mapping[str, Any]) -> str:
    """Plain block YAML."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue()


def _write(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
