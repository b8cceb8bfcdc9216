"""The image `hub`: a registry that already holds what the nodes pull from docker.io."""

from collections.abc import Mapping
from typing import Any, cast

from docker import DockerClient
from docker.errors import APIError

from beeyard.errors import SandboxError
from beeyard.sandbox.images.catalogue import on_hub
from beeyard.sandbox.images.engine_calls import Line, follow
from beeyard.sandbox.spec import LABEL
from beeyard.waiting import SystemClock, Timeout, wait_until

_START_SECONDS = 30.0


def make(
    client: DockerClient,
    reference: str,
    registry: str,
    contents: Mapping[str, str],
    labels: Mapping[str, str],
    line: Line,
) -> None:
    """Push `contents` (Docker Hub name to image) into a registry, and keep it as `reference`.

    So a sandbox's mirror of docker.io starts at once, and nothing is pushed to it. Raises
    SandboxError.
    """
    container = cast(Any, client.containers).run(
        registry,
        detach=True,
        ports={"5000/tcp": ("127.0.0.1", None)},
        labels={LABEL: "images"},
    )
    try:
        port = _port(container)
        for name, image in contents.items():
            _push(client, f"127.0.0.1:{port}/{on_hub(name)}", image, line)
        container.stop(timeout=10)
        changes = [f'LABEL "{key}"="{value}"' for key, value in labels.items()]
        repository, _, tag = reference.rpartition(":")
        container.commit(repository=repository, tag=tag, changes=changes)
    except APIError as error:
        raise SandboxError(
            "the nodes' mirror of docker.io could not be made",
            why=str(error.explanation or error),
        ) from error
    finally:
        container.remove(force=True, v=True)


def _port(container: Any) -> str:
    """The port on 127.0.0.1 at which the registry answers."""

    def listening() -> bool:
        container.reload()
        return "listening on" in container.logs().decode()

    try:
        wait_until(listening, clock=SystemClock(), deadline=_START_SECONDS, interval=0.2)
    except Timeout:
        raise SandboxError(
            "the registry that is to hold the nodes' images does not start",
            why=container.logs(tail=10).decode(),
        ) from None
    return str(container.ports["5000/tcp"][0]["HostPort"])


def _push(client: DockerClient, name: str, image: str, line: Line) -> None:
    repository, _, tag = name.rpartition(":")
    client.images.get(image).tag(repository, tag)
    try:
        line(f"storing {tag}")
        stream = cast(Any, client.api).push(
            repository, tag=tag, stream=True, decode=True, auth_config={}
        )
        follow(stream, f"{name} could not be stored", lambda _: None)
    finally:
        client.images.remove(name)
