"""A manager as the later stages use it: observed, and asked for the logs of tasks, in words."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from docker import DockerClient
from docker.errors import APIError, DockerException, create_api_error_from_http_exception

from beeyard.errors import SwarmError, causes
from beeyard.swarm.model import Snapshot
from beeyard.swarm.snapshot import snapshot

#: What the Engine API, and Docker's command line, say while managers elect a leader, or their
#: engine starts. Source: moby, `daemon/cluster/errors.go`; docker/cli, `client/errors.go`.
LEADERLESS = ("DeadlineExceeded", "does not have a leader")
AWAY = (*LEADERLESS, "no elected cluster leader", "Cannot connect to the Docker daemon")

_LOG_TIMEOUT = 10.0
_FRAME_HEADER = 8


class TunnelEnded(SwarmError):
    """The way to the manager is gone: it is no use to ask again through it."""


@dataclass(frozen=True)
class Manager:
    """A manager's Engine API."""

    client: DockerClient

    def snapshot(self) -> Snapshot:
        """What the Swarm is now. Raises SwarmError if the manager does not say."""
        with in_words("the manager did not say what runs"):
            return snapshot(self.client)

    def task_log(self, task_id: str, lines: int = 12) -> list[str]:
        """The last lines that a task wrote, to both its streams.

        Raises SwarmError if they can't be had (its node is gone, or its container is).
        """
        api = self.client.api
        with in_words("the task's log could not be read"):
            # The SDK knows the logs of services only; this is the same call for one task.
            answer = api.get(
                f"{api.base_url}/v{api.api_version}/tasks/{task_id}/logs",
                params={"stdout": "1", "stderr": "1", "tail": str(lines)},
                timeout=_LOG_TIMEOUT,
            )
            answer.raise_for_status()
            return _lines(answer.content)[-lines:]

    def tidy(self, service: str) -> None:
        """Let the Swarm look anew at what a service runs, by handing back its own definition.

        Where a start-first update is replaced by another at the moment in which it starts a task,
        two tasks stay in one slot, and nothing but an update looks at slots again (swarmkit,
        `manager/orchestrator/update/updater.go`: the slots are read before the old updater ends).
        No task that is as it should be is replaced. Raises SwarmError if the Swarm refuses.
        """
        api: Any = self.client.api
        with in_words(f"the service {service} could not be handed back"):
            raw = api.inspect_service(service)
            answer = post_service(api, raw, raw["Spec"])
            # Somebody was faster: then theirs is the update that looks at the slots.
            if "out of sequence" not in answer.text:
                raise_for(answer)


def post_service(
    api: Any, raw: Mapping[str, Any], spec: Mapping[str, Any], sign_in: str = ""
) -> requests.Response:
    """Have the Swarm take `spec` for the service that was read as `raw`; give what it answered.

    What was signed in to pull its image stays, unless `sign_in`, as Docker's API encodes it, takes
    its place (`registryAuthFrom`, `X-Registry-Auth`: Docker Engine API, "Update a service").
    """
    answer: requests.Response = api.post(
        f"{api.base_url}/v{api.api_version}/services/{raw['ID']}/update",
        params={"version": raw["Version"]["Index"], "registryAuthFrom": "spec"},
        headers={"X-Registry-Auth": sign_in} if sign_in else {},
        json=spec,
        timeout=api.timeout,
    )
    return answer


def raise_for(answer: requests.Response) -> None:
    """Raise APIError, with the engine's own words, where it refused what was posted to it."""
    try:
        answer.raise_for_status()
    except requests.HTTPError as error:
        create_api_error_from_http_exception(error)


@contextmanager
def in_words(what: str) -> Iterator[None]:
    """Turn what the Docker SDK raises into a SwarmError that starts with `what`."""
    try:
        yield
    except APIError as error:
        raise SwarmError(what, why=str(error.explanation or error)) from error
    except (DockerException, requests.RequestException) as error:
        ended = any(
            isinstance(one, ConnectionRefusedError | FileNotFoundError) for one in causes(error)
        )
        kind = TunnelEnded if ended else SwarmError
        raise kind(
            what,
            why=str(error),
            fix="see whether the manager is up and reachable, then run the command again",
        ) from error


def _lines(stream: bytes) -> list[str]:
    """The Engine API's multiplexed stream as lines: frames of 8 bytes of header, then the payload.

    Source: Docker Engine API, "Attach to a container", "Stream format".
    """
    text = bytearray()
    while len(stream) >= _FRAME_HEADER and stream[0] in (0, 1, 2) and stream[1:4] == b"\0\0\0":
        end = _FRAME_HEADER + int.from_bytes(stream[4:_FRAME_HEADER], "big")
        text += stream[_FRAME_HEADER:end]
        stream = stream[end:]
    # A task with a terminal has no frames.
    text += stream
    return text.decode(errors="replace").splitlines()
