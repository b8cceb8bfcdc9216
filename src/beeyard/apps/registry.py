"""A registry as a manager knows it: signed in to, and asked for digests."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from docker import DockerClient
from docker.errors import APIError, ImageNotFound, NotFound

from beeyard.apps.references import registry_of, repository_of
from beeyard.config.names import ecr_of
from beeyard.errors import AppError
from beeyard.process import Command, Runner
from beeyard.secret import Secret
from beeyard.swarm import in_words

_ROOT = "/root/.docker/config.json"
# What `docker login` files Docker Hub under. Source: moby, `registry/config.go`, IndexServer.
_HUB = "https://index.docker.io/v1/"
# What registries and engines say of a sign-in that is wrong, is missing, or has ended.
_REFUSED = ("unauthorized", "denied", "token has expired", "no basic auth", "403 forbidden")


@dataclass(frozen=True)
class Credentials:
    """Who we are for a registry."""

    username: str
    password: Secret

    def auth_config(self) -> dict[str, str]:
        """As the Docker SDK takes it: for the moment of the call."""
        return {"username": self.username, "password": self.password.reveal()}


def docker_config(sign_ins: Mapping[str, Credentials]) -> str:
    """What Docker's command line reads sign-ins from, by the registry's host."""
    auths = {}
    for host, known in sign_ins.items():
        text = f"{known.username}:{known.password.reveal()}"
        entry = {"auth": base64.b64encode(text.encode()).decode()}
        auths[_HUB if host == "docker.io" else host] = entry
    return json.dumps({"auths": auths})


def fix_for(reference: str, why: str, otherwise: str) -> str:
    """What to do where a registry said `why` of an image: about the sign-in, if it is that."""
    host, said = registry_of(reference), why.lower()
    if "does not exist in the registry" in said:
        # Amazon ECR makes no repository by itself when something is pushed.
        name, found = repository_of(reference).removeprefix(f"{host}/"), ecr_of(host)
        region = f" --region {found[1]}" if found else ""
        return f"make it first: aws ecr create-repository{region} --repository-name {name}"
    if any(sign in said for sign in _REFUSED):
        return (
            f"see that the sign-in to {host} is right and has not ended, and may pull and push "
            "there; then run the command again"
        )
    return otherwise


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
    # Nobody is an empty sign-in: without one, the SDK would hand the operator's own over.
    auth = credentials.auth_config() if credentials else {}
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
            fix=fix_for(
                reference,
                reason,
                "see that the registry runs, and that the managers are signed in to it "
                "(`beeyard provision`)",
            ),
        ) from error


def delete_remote(
    client: DockerClient, runner: Runner, reference: str, credentials: Credentials | None
) -> None:
    """Delete an image, named by digest, from its registry, with all of its tags. One that is not
    there is no mistake.

    `runner` is on a manager, where the registry's name and certificate are known. Raises AppError
    if the registry refuses. Source: distribution, "HTTP API V2", "Deleting an Image".
    """
    repository, _, digest = reference.partition("@")
    host, _, name = repository.partition("/")
    flags = ["--silent", "--show-error", "--request", "DELETE", "--max-time", "60"]
    shown = ["--output", "/dev/null", "--write-out", "%{http_code}"]
    url = f"{_scheme(client, host)}://{host}/v2/{name}/manifests/{digest}"
    # By standard input, for everybody on the node sees a command line.
    command = Command(
        ["curl", "--config", "-", *flags, *shown, url],
        input=_curl_user(credentials).encode(),
        timeout=90,
    )
    said = runner.run(command, check=False)
    status = said.stdout.strip()
    if status not in ("202", "404"):
        raise AppError(
            f"{reference} could not be deleted from its registry",
            where=host,
            why=said.stderr.strip() or f"it answered {status}",
            fix="see that the registry runs and lets images be deleted (storage.delete.enabled)",
        )


def _scheme(client: DockerClient, host: str) -> str:
    """As the engine speaks to it: `insecure-registries` are asked without TLS."""
    with in_words("the engine did not say which registries it trusts"):
        indexes = client.info()["RegistryConfig"]["IndexConfigs"]
    return "https" if indexes.get(host, {}).get("Secure", True) else "http"


def _curl_user(credentials: Credentials | None) -> str:
    """A line of curl's configuration. Source: curl(1), `--config`."""
    if credentials is None:
        return ""
    text = f"{credentials.username}:{credentials.password.reveal()}"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'user = "{escaped}"\n'


def _credentials(text: str, registry: str, path: str) -> Credentials | None:
    config = json.loads(text)
    if registry in (config.get("credHelpers") or {}) or config.get("credsStore"):
        raise AppError(
            f"the sign-in to {registry} is kept in a helper program, which beeyard can't ask",
            where=path,
            fix="sign in on the manager without `credsStore` and `credHelpers`",
        )
    auths = config.get("auths") or {}
    auth = auths.get(_HUB if registry == "docker.io" else registry, {}).get("auth")
    if not auth:
        return None
    username, _, password = base64.b64decode(auth).decode().partition(":")
    return Credentials(username, Secret(password))
