"""A registry that asks for a password, as a container of the sandbox's own kind."""

from collections.abc import Mapping
from pathlib import Path

import bcrypt

from beeyard.sandbox.container import Container, Mount

USER = "ci"
PASSWORD = "registry-password"
PORT = 5000


def set_users(folder: Path, others: Mapping[str, str]) -> Path:
    """Let in the tests' own user, and `others` (passwords by name), from the next request on: the
    registry reads the file anew when it has changed. Gives that file."""
    passwords = {USER: PASSWORD, **others}
    lines = (
        f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()}\n"
        for user, password in passwords.items()
    )
    users = folder / "htpasswd"
    # Not another file in its place: the container has this one.
    users.write_text("".join(lines))
    return users


def container(image: str, folder: Path, address: str) -> Container:
    """One on `address`, from an image that has the registry's program; its files go to `folder`."""
    users = set_users(folder, {})
    config = folder / "registry.yml"
    config.write_text(
        "version: 0.1\n"
        "storage: {filesystem: {rootdirectory: /tmp/registry}, delete: {enabled: true}}\n"
        f"http: {{addr: ':{PORT}'}}\nlog: {{level: warn}}\n"
        "auth: {htpasswd: {realm: tests, path: /htpasswd}}\n"
    )
    return Container(
        thing="registry",
        kind="service",
        image=image,
        address=address,
        argv=("docker-registry",),
        arguments=("serve", "/registry.yml"),
        mounts=(Mount.path(config, "/registry.yml"), Mount.path(users, "/htpasswd")),
    )
