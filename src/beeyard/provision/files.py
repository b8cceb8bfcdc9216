"""What Ansible and SSH read, written into a cluster's folder."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from beeyard.inventory import Host, Inventory, render_ssh_config
from beeyard.private import private_folder, write_private


@dataclass(frozen=True)
class ProvisionFiles:
    """Where they are."""

    folder: Path
    inventory: Path
    ssh_config: Path


def write(inventory: Inventory, folder: Path) -> ProvisionFiles:
    """Write the SSH configuration; the folders are the user's alone."""
    private_folder(folder)
    private_folder(inventory.ssh.sockets)
    files = files_in(folder)
    write_private(files.ssh_config, render_ssh_config(inventory).encode())
    return files


def write_inventory(inventory: Inventory, files: ProvisionFiles) -> None:
    """Write what a playbook is about to read. Only then: other commands, which know less of the
    cluster, may run beside it."""
    text = to_yaml(render_inventory(inventory, files.ssh_config))
    write_private(files.inventory, text.encode())


def files_in(folder: Path) -> ProvisionFiles:
    """What `write` writes below `folder`, whether it has or not."""
    return ProvisionFiles(folder, folder / "inventory.yml", folder / "ssh_config")


def render_inventory(inventory: Inventory, ssh_config: Path) -> dict[str, Any]:
    """The YAML inventory, as `ansible-inventory --list` would read it."""
    return {
        "nodes": {
            "vars": {
                "ansible_user": inventory.ssh.user,
                "ansible_become": True,
                "ansible_python_interpreter": "/usr/bin/python3",
                "ansible_ssh_common_args": f"-F {shlex.quote(str(ssh_config))}",
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
