"""A registry as a manager knows it: signed in to, and asked for digests."""

import base64
import json
from collections.abc import Iterable
from dataclasses import dataclass

from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound

from beeyard.errors import AppError
from beeyard.process import Command, Runner
from beeyard.secret import Secret

_ROOT = "/root/.docker/config.json"


@dataclass(frozen=True)
class Credentials:
    """Who we are for a registry."""

    username: str
    password: Secret

    def auth_config(self) -> dict[str, str]:
        """As the Docker SDK takes it: for the moment of the call."""
        return {"username": self.username, "password": self.password.reveal()}


def registry_login(runner: Runner, registry: str, users: Iterable[str] = ()) -> Credentials | None:
    """What root, or one of `users`, has signed in with on the node that `runner` runs on.

    None if nobody has. `runner` must be allowed to read those files (sudo). Raises AppError where
    the credentials are kept in a helper program.
    """
    for path in (_ROOT, *(f"/home/{user}/.docker/config.json" for user in users)):
        read = runner.run(Command(["cat", path], timeout=30), check=False)
        if read.code == 0:
            found = _credentials(read.stdout, registry, path)
            if found is not None:
                return found
        elif "No such file" not in read.stderr:
            raise AppError(
                f"the node's sign-in to {registry} can't be read", where=path, why=read.tail()
            )
    return None


def remote_digest(
    client: DockerClient, reference: str, credentials: Credentials | None
) -> str | None:
    """The digest (sha256:…) that a registry has for a reference; None if it has none.

    The engine asks, so its trust, mirrors and network count. Raises AppError if it is refused.
    """
    auth = credentials.auth_config() if credentials else None
    try:
        return str(client.images.get_registry_data(reference, auth_config=auth).id)
    except (ImageNotFound, NotFound):
        return None
    except APIError as error:
        reason = str(error.explanation or error)
        if "manifest unknown" in reason or "name unknown" in reason:
            return None
        raise AppError(
            "the registry did not say whether it has the image",
            where=reference,
            why=reason,
            fix="see that the registry runs, and that the managers are signed in to it "
            "(`beeyard provision`)",
        ) from error


def _credentials(text: str, registry: str, path: str) -> Credentials | None:
    config = json.loads(text)
    if registry in (config.get("credHelpers") or {}) or config.get("credsStore"):
        raise AppError(
            f"the sign-in to {registry} is kept in a helper program, which beeyard can't ask",
            where=path,
            fix="sign in on the manager without `credsStore` and `credHelpers`",
        )
    auth = (config.get("auths") or {}).get(registry, {}).get("auth")
    if not auth:
        return None
    username, _, password = base64.b64decode(auth).decode().partition(":")
    return Credentials(username, Secret(password))
