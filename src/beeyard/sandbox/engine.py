"""The Docker engine of this machine: reached, or refused in words."""

import sys
from typing import Any

import docker
from docker import DockerClient
from docker.errors import APIError, DockerException

from beeyard.errors import SandboxError, ToolError
from beeyard.sandbox.container import NodeForm

_TIMEOUT = 120


def connect() -> DockerClient:
    """A client of the local engine. Raises ToolError where the sandbox can't work, with why."""
    if sys.platform != "linux":
        raise ToolError(
            f"the sandbox was never tried on {sys.platform}",
            why="its nodes are containers that need a Linux engine's own network on this machine",
            fix="run it on Linux, a virtual machine will do; without --sandbox beeyard works here",
        )
    try:
        client = docker.from_env(timeout=_TIMEOUT)
        client.ping()
        refuse_untried(client.api.base_url, client.info())
    except DockerException as error:
        raise unreachable(error) from error
    return client


def unreachable(error: Exception) -> ToolError:
    """What to do about an engine that doesn't answer."""
    if "Permission denied" in str(error) or "PermissionError" in str(error):
        return ToolError(
            "the Docker engine refuses this user",
            why=str(error),
            fix="add the user to the group `docker` and sign in again, or run beeyard as root",
        )
    return ToolError(
        "the Docker engine is not running",
        why=str(error),
        fix="start it (`sudo systemctl start docker`), or run `make demo`, which installs it",
    )


def refuse_untried(base_url: str, info: dict[str, Any]) -> None:
    """Raise ToolError for engines that the sandbox can't be made real on."""
    why = None
    if not base_url.startswith(("http+docker://", "unix://")):
        why = f"the engine at {base_url} is on another machine; nodes must be reachable from here"
    elif any(option.startswith("name=rootless") for option in info.get("SecurityOptions") or ()):
        why = "a rootless engine's networks can't be reached from this machine"
    elif "Docker Desktop" in info.get("OperatingSystem", ""):
        why = "Docker Desktop runs its engine in a virtual machine of its own"
    if why:
        raise ToolError(
            "the sandbox does not work with this Docker engine",
            why=why,
            fix="use an engine that runs as root on this machine (`docker context use default`)",
        )


def node_form(client: DockerClient, image: str) -> NodeForm:
    """How nodes are run here: privileged where the engine may, else by single permissions."""
    return NodeForm(privileged=_may_be_privileged(client, image))


def _may_be_privileged(client: DockerClient, image: str) -> bool:
    container = client.containers.create(image, entrypoint=["/bin/true"], privileged=True)
    try:
        container.start()
    except APIError as error:
        # runc's words where the engine itself lacks a capability that it is asked to give.
        if "operation not permitted" in str(error):
            return False
        raise
    finally:
        # Also one that could not be started is there, and would stay.
        container.remove(force=True)
    return True


def require_images(client: DockerClient, references: tuple[str, ...]) -> None:
    """Raise SandboxError if one of the images isn't on this engine."""
    for reference in references:
        try:
            client.images.get(reference)
        except docker.errors.ImageNotFound as error:
            raise SandboxError(
                f"the image {reference} is not on this machine's Docker engine",
                fix="build the sandbox's images again: `beeyard --sandbox up` does it",
            ) from error
