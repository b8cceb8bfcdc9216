"""What Ansible and SSH read, written into a cluster's folder."""

import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from secrets import token_hex
from typing import Any

from ruamel.yaml import YAML

from beeyard.holder import started
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


@contextmanager
def for_a_playbook(inventory: Inventory, files: ProvisionFiles) -> Iterator[ProvisionFiles]:
    """The same files with an inventory of this playbook's own: another command, which knows another
    beeyard.yml or less of the cluster, may run beside it. Afterwards it is the one that is kept."""
    for left in files.folder.glob("inventory-*.yml"):
        if not started(int(left.stem.rpartition("-")[2])):
            left.unlink(missing_ok=True)
    own = files.folder / f"inventory-{token_hex(4)}-{os.getpid()}.yml"
    write_private(own, to_yaml(render_inventory(inventory, files.ssh_config)).encode())
    try:
        yield replace(files, inventory=own)
    finally:
        own.replace(files.inventory)


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
    """Plain block YAML, as Ansible reads it: by YAML 1.1, where a bare 15:30 is the number 930, and
    a bare `on` is true."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    yaml.default_flow_style = False
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().removeprefix("%YAML 1.1\n---\n")
