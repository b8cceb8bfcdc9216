"""The base, `debian:bookworm-slim`: pulled where a registry can be reached, else made here."""

import shutil
import threading
from importlib import resources
from pathlib import Path
from typing import Any, cast

import httpx
from docker import DockerClient
from docker.errors import APIError, DockerException

from beeyard.errors import SandboxError
from beeyard.sandbox.images.catalogue import DEBIAN_ON_HUB, SUITE
from beeyard.sandbox.images.engine_calls import Line, follow, lines_of, only_file, tar
from beeyard.sandbox.spec import LABEL

#: Docker Hub's API; 401 is its answer to whoever has not signed in, and shows that it is there.
_HUB_API = "https://registry-1.docker.io/v2/"
_PROBE_SECONDS = 3.0
_DEADLINE = 600.0
#: Where the script leaves the root, as a tar.
_ROOT = "/root.tar"
_HOST_FOLDERS = ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/var/lib/dpkg")


def hub_is_reachable() -> bool:
    """Whether images can be pulled from Docker Hub: asked once, with a short deadline."""
    try:
        return httpx.get(_HUB_API, timeout=_PROBE_SECONDS).status_code in {200, 401}
    except httpx.HTTPError:
        return False


def pull(client: DockerClient, name: str, line: Line) -> bool:
    """Pull a Docker Hub name; False where there is no such image to be had."""
    repository, _, tag = name.rpartition(":")
    try:
        stream = cast(Any, client.api).pull(repository, tag=tag, stream=True, decode=True)
        follow(stream, f"{name} could not be pulled", line)
    except (SandboxError, APIError) as error:
        line(f"{name} can't be pulled: {error}")
        return False
    return True


def bootstrap(client: DockerClient, reference: str, line: Line) -> None:
    """Make a Debian root by mmdebstrap, in a container whose system folders are this machine's own.

    Nothing is installed on this machine, and no rights are needed but those to use Docker.
    Raises SandboxError.
    """
    if not (shutil.which("apt-get") and Path("/usr/bin/perl").exists()):
        raise SandboxError(
            "the nodes' images can't be made on this system",
            why="no image registry can be reached, and there is no apt to make a Debian with",
            fix="let the Docker engine reach docker.io, or use a Debian or Ubuntu machine",
        )
    empty = f"{reference}-empty"
    cast(Any, client.api).import_image_from_data(tar({}), repository=empty)
    try:
        _import(client, empty, reference, line)
    finally:
        client.images.remove(empty, force=True)


def _import(client: DockerClient, empty: str, reference: str, line: Line) -> None:
    """Run the script, and import the tar that it leaves as the image."""
    container = client.containers.create(empty, **_options())
    said: list[str] = []
    watchdog = threading.Timer(_DEADLINE, container.kill)
    try:
        container.start()
        watchdog.start()
        for text in lines_of(container.logs(stream=True)):
            said.append(text)
            line(text)
        code = container.wait()["StatusCode"]
        if code != 0:
            raise SandboxError(
                f"making a Debian root ended with {code}",
                why="\n".join(said[-20:]),
                fix="see that apt on this machine reaches its package registry",
            )
        repository, _, tag = reference.rpartition(":")
        archive, _ = container.get_archive(_ROOT)
        cast(Any, client.api).import_image_from_stream(
            only_file(archive), repository=repository, tag=tag
        )
    except DockerException as error:
        raise SandboxError("a Debian root could not be imported", why=str(error)) from error
    finally:
        watchdog.cancel()
        container.remove(force=True)


def script() -> str:
    """What makes the root."""
    return (resources.files(__package__) / "contexts/base/bootstrap.sh").read_text()


def _options() -> dict[str, Any]:
    return {
        "command": ["/bin/sh", "-c", script()],
        "environment": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "SUITE": SUITE, "ROOT": _ROOT},
        "volumes": {
            folder: {"bind": folder, "mode": "ro"}
            for folder in _HOST_FOLDERS
            if Path(folder).exists()
        },
        "tmpfs": {"/var/lib/apt": "", "/var/cache/apt": "", "/tmp": "exec"},  # noqa: S108
        "network_mode": "host",
        "cap_add": ["ALL"],
        # Where the engine itself lacks it, it can't be given.
        "cap_drop": ["SYS_RESOURCE"],
        "security_opt": ["seccomp=unconfined", "apparmor=unconfined"],
        "labels": {LABEL: "images"},
        "stdin_open": False,
    }


__all__ = ["DEBIAN_ON_HUB", "bootstrap", "hub_is_reachable", "pull", "script"]
