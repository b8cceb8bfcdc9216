"""The playbooks as somebody runs them who has Ansible, and no beeyard.

Whatever names a file does so from the playbooks' folder, so that it can be moved.
"""

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from importlib import metadata, resources
from pathlib import Path
from typing import Any

from beeyard.errors import ToolError
from beeyard.inventory import Inventory, render_ssh_config
from beeyard.provision.files import render_inventory, to_yaml

#: The variable by which values of secrets are given, by name.
GIVEN = "app_files_given"
_SOCKETS = "sockets"
_COLLECTION = re.compile(r"^\s+(?:- )?(?!ansible\.builtin\.)([a-z]+\.[a-z]+)\.[a-z_]+:", re.M)
_NOTE = "To be used in this folder: ssh -F ssh_config NODE. IdentityFile is where your key is."


def lay_out_plain(inventory: Inventory, folder: Path) -> None:
    """Write playbooks, inventory and SSH configuration below `folder`; nothing secret is in them.

    Raises ToolError where Ansible's collections are not installed.
    """
    with resources.as_file(resources.files("beeyard.provision") / "ansible") as source:
        shutil.copytree(source, folder, ignore=shutil.ignore_patterns("__pycache__"))
    _write_settings(folder / "ansible.cfg")
    _write_inventory(inventory, folder / "inventory")
    _write_ssh(inventory, folder)
    (folder / "requirements.yml").write_text(to_yaml({"collections": _collections(folder)}))
    (folder / "requirements.txt").write_text(f"ansible=={metadata.version('ansible')}\n")


def without_secrets(variables: Mapping[str, Any]) -> dict[str, Any]:
    """The inventory's variables in which what is secret is where it is kept, or asked for."""
    left = {
        name: value for name, value in variables.items() if name != "app_files_database_password"
    }
    users = left.pop("infra_stack_dashboard_users", {})
    if users:
        left["infra_stack_keep_dashboard_users"] = True
    # It holds the same, and is kept on the manager.
    ci = left.get("infra_stack_ci", {})
    left["infra_stack_ci"] = {key: value for key, value in ci.items() if key != "cluster"}
    applications = left.get("app_files_applications", ())
    left["app_files_applications"] = [_asked_for(application) for application in applications]
    return left


def asked_for(variables: Mapping[str, Any]) -> list[str]:
    """The secrets whose values are the operator's own: asked for where the Swarm lacks them."""
    return sorted(
        name
        for application in variables.get("app_files_applications", ())
        for name, secret in application["secrets"].items()
        if secret["source"] == "value"
    )


def _asked_for(application: Mapping[str, Any]) -> dict[str, Any]:
    secrets = {
        name: {**secret, "value": f"{{{{ ({GIVEN} | default({{}}))['{name}'] | default('') }}}}"}
        if secret["source"] == "value"
        else dict(secret)
        for name, secret in application["secrets"].items()
    }
    return {**application, "secrets": secrets}


def _write_settings(path: Path) -> None:
    _, section, rest = path.read_text().partition("[defaults]\n")
    text = f"# Ansible reads this where it is run in this folder.\n{section}inventory = inventory\n"
    path.write_text(text + rest)


def _write_inventory(inventory: Inventory, folder: Path) -> None:
    variables = without_secrets(inventory.variables)
    rendered = render_inventory(replace(inventory, variables=variables), Path("ssh_config"))
    group_vars = folder / "group_vars"
    group_vars.mkdir(parents=True)
    (group_vars / "nodes.yml").write_text(to_yaml(rendered["nodes"].pop("vars")))
    (folder / "hosts.yml").write_text(to_yaml(rendered))


def _write_ssh(inventory: Inventory, folder: Path) -> None:
    known = inventory.ssh.known_hosts
    pinned = known.read_text() if known.is_file() else ""
    (folder / "known_hosts").write_text(pinned)
    # Git keeps no empty folder, and ssh makes none.
    sockets = folder / _SOCKETS
    sockets.mkdir()
    (sockets / ".gitignore").write_text("*\n!.gitignore\n")
    access = replace(
        inventory.ssh,
        known_hosts=Path("known_hosts"),
        sockets=Path(_SOCKETS),
        # Nodes that are made later are met for the first time by whoever made them.
        checking="accept-new",
    )
    (folder / "ssh_config").write_text(render_ssh_config(replace(inventory, ssh=access), _NOTE))


def _collections(folder: Path) -> list[dict[str, str]]:
    texts = (path.read_text() for path in folder.glob("roles/*/*/*.yml"))
    used = {name for text in texts for name in _COLLECTION.findall(text)}
    return [{"name": name, "version": _version(name)} for name in sorted(used)]


def _version(collection: str) -> str:
    """The version of a collection that is installed beside us."""
    try:
        space, name = collection.split(".")
        base = resources.files("ansible_collections") / space / name
        text = (base / "MANIFEST.json").read_text()
    except (ModuleNotFoundError, FileNotFoundError) as error:
        raise ToolError(
            f"Ansible's collection {collection} is not installed beside beeyard",
            fix="install beeyard's dependencies",
        ) from error
    return str(json.loads(text)["collection_info"]["version"])
