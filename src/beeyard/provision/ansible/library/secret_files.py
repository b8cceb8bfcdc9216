#!/usr/bin/python
"""Ansible module: secrets as files that only root can read, generated where they are kept."""

import base64
import hashlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import bcrypt
except ImportError:
    HAS_BCRYPT = False
else:
    HAS_BCRYPT = True

DOCUMENTATION = r"""
---
module: secret_files
short_description: Secrets as files that only root can read
description:
  - Keeps a folder of secrets. What has neither O(files[].content) nor O(files[].htpasswd) is
    generated once, at random, and left alone from then on.
  - The secrets never leave the machine. The module returns hashes of them, to name Swarm secrets
    by.
options:
  directory:
    description: The folder. It is made with mode 0700.
    type: path
    required: true
  files:
    description: The secrets, in order.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the file.
        type: str
        required: true
      content:
        description: What the file is to hold.
        type: str
      fernet:
        description: What is generated is to be a key of Fernet: 32 bytes as URL-safe base64.
        type: bool
        default: false
      htpasswd:
        description: The file is to let this user in (a line of htpasswd, bcrypt).
        type: dict
        suboptions:
          user:
            description: Name of the user.
            type: str
            required: true
          password_file:
            description: File in the same folder that holds the password.
            type: str
            required: true
author: beeyard
"""

EXAMPLES = r"""
- name: Password of the registry
  secret_files:
    directory: /etc/beeyard/secrets
    files:
      - name: registry_password
      - name: registry_htpasswd
        htpasswd: {user: beeyard, password_file: registry_password}
"""

RETURN = r"""
digests:
  description:
    - Name of each file to the first 12 digits of its SHA-256; empty where check mode made none.
  type: dict
  returned: always
"""

GENERATED_BYTES = 24
BCRYPT_ROUNDS = 10  # what Docker's registry and htpasswd(1) live with at each request


class Unreadable(Exception):
    """A secret that another one is made from is not there."""


def write(path: Path, text: str) -> None:
    """Write `text` so that other readers see the old file or the new one, never half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.fchmod(handle, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise


def lets_in(line: str, user: str, password: str) -> bool:
    """Whether `line` of an htpasswd file lets `user` in with `password`."""
    name, _, hashed = line.strip().partition(":")
    try:
        return name == user and bcrypt.checkpw(password.encode(), hashed.encode())
    except ValueError:
        return False


def htpasswd(directory: Path, present: str | None, user: str, password_file: str) -> str:
    """The wanted htpasswd line: `present` where it still holds."""
    source = directory / password_file
    if not source.exists():
        raise Unreadable(f"{source} holds no password for the htpasswd file that is made from it.")
    password = source.read_text(encoding="utf-8").strip()
    if present is not None and lets_in(present, user, password):
        return present
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_ROUNDS)).decode()
    return f"{user}:{hashed}\n"


def wanted(directory: Path, entry: dict[str, Any], present: str | None) -> str:
    """What the file of `entry` is to hold, given what it holds now (None: it is not there)."""
    if entry["content"] is not None:
        return str(entry["content"])
    if entry["htpasswd"] is not None:
        return htpasswd(directory, present, **entry["htpasswd"])
    if present:
        return present
    if entry["fernet"]:
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(GENERATED_BYTES)


def converge(module: AnsibleModule, directory: Path) -> tuple[bool, dict[str, str]]:
    """Bring every file to what it is to hold; give whether that took a change, and the digests."""
    changed, digests = False, dict[str, str]()
    for entry in module.params["files"]:
        path = directory / entry["name"]
        present = path.read_text(encoding="utf-8") if path.exists() else None
        if module.check_mode and present is None:
            changed, digests[entry["name"]] = True, ""
            continue
        text = wanted(directory, entry, present)
        if text != present or path.stat().st_mode & 0o777 != 0o600:
            changed = True
            if not module.check_mode:
                write(path, text)
        digests[entry["name"]] = hashlib.sha256(text.encode()).hexdigest()[:12]
    return changed, digests


def main() -> None:
    """Entry point of the module."""
    options = {
        "directory": {"type": "path", "required": True},
        "files": {
            "type": "list",
            "elements": "dict",
            "required": True,
            "options": {
                "name": {"type": "str", "required": True},
                "content": {"type": "str", "no_log": True},
                "fernet": {"type": "bool", "default": False},
                "htpasswd": {
                    "type": "dict",
                    "no_log": False,
                    "options": {
                        "user": {"type": "str", "required": True},
                        "password_file": {"type": "str", "required": True, "no_log": False},
                    },
                },
            },
            "mutually_exclusive": [("content", "htpasswd")],
        },
    }
    module = AnsibleModule(argument_spec=options, supports_check_mode=True)
    needs_bcrypt = any(entry["htpasswd"] for entry in module.params["files"])
    if not HAS_BCRYPT and needs_bcrypt and not module.check_mode:
        module.fail_json(msg=missing_required_lib("bcrypt"))
    directory = Path(module.params["directory"])
    if not module.check_mode:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        changed, digests = converge(module, directory)
    except (OSError, Unreadable) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=changed, digests=digests)


if __name__ == "__main__":
    main()
