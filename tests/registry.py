"""A registry that asks for a password, as a container of the sandbox's own kind."""

from pathlib import Path

import bcrypt

from beeyard.sandbox.container import Container, Mount

USER = "ci"
PASSWORD = "registry-password"
PORT = 5000


def container(image: str, folder: Path, address: str) -> Container:
    """One on `address`, from an image that has the registry's program; its files go to `folder`."""
    users = folder / "htpasswd"
    users.write_text(f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
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
