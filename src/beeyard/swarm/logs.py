"""What the tasks of a service write, read from the manager as it comes.

Source: Docker Engine API, "Get service logs"; the stream's frames as in "Attach to a container",
"Stream format". With `timestamps` and `details`, each frame begins with the time and with the task
and node that it comes from, as a query string.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote

import requests
from docker import DockerClient
from urllib3.exceptions import HTTPError

from beeyard.swarm.manager import in_words

Stream = Literal["stdout", "stderr"]

_HEADER = 8
_ERRORS = 3
_STREAMS: dict[int, Stream] = {0: "stdout", 1: "stdout", 2: "stderr"}
_TASK, _NODE = "com.docker.swarm.task.id", "com.docker.swarm.node.id"
_CONNECT = 20.0
#: Seconds without a word after which a log that is not followed is given up: a manager may wait for
#: a node that stands still.
_SILENT = 60.0


@dataclass(frozen=True)
class Excerpt:
    """Which part of a log is read.

    follow  go on with what is written from now on
    since   Unix time of the first line; 0: from the start
    tail    how many lines of each task, counted from the end; None: all
    """

    follow: bool = False
    since: float = 0.0
    tail: int | None = None


@dataclass(frozen=True)
class Entry:
    """One line of a task, without its end. `time` is RFC 3339 with nanoseconds, in UTC, so that
    texts compare as times do. What the manager itself says of the log has neither IDs nor time."""

    task_id: str
    node_id: str
    stream: Stream
    time: str
    text: str


def service_log(client: DockerClient, service_id: str, excerpt: Excerpt) -> Iterator[Entry]:
    """The lines of all tasks of a service that still have a container, each task's in order; and
    what the manager says where it can't have some of them (a node is down).

    Raises SwarmError if the manager does not answer.
    """
    api: Any = client.api
    with in_words("the service's log could not be read"):
        terminal = bool(
            api.inspect_service(service_id)["Spec"]["TaskTemplate"]["ContainerSpec"].get("TTY")
        )
        with api.get(
            f"{api.base_url}/v{api.api_version}/services/{service_id}/logs",
            params=_parameters(excerpt),
            stream=True,
            # A service may be silent for any time; a link that died is noticed by ssh's keep-alive.
            timeout=(_CONNECT, None if excerpt.follow else _SILENT),
        ) as answer:
            answer.raise_for_status()
            yield from _entries(_whole(answer) if terminal else _frames(answer))


def _parameters(excerpt: Excerpt) -> dict[str, str]:
    return {
        "stdout": "1",
        "stderr": "1",
        "details": "1",
        "timestamps": "1",
        "follow": "1" if excerpt.follow else "0",
        "since": f"{excerpt.since:.9f}" if excerpt.since else "0",
        "tail": "all" if excerpt.tail is None else str(excerpt.tail),
    }


def _frames(answer: requests.Response) -> Iterator[tuple[int, bytes]]:
    """The stream's frames: which stream, and what was written."""
    try:
        while len(header := answer.raw.read(_HEADER)) == _HEADER:
            yield header[0], answer.raw.read(int.from_bytes(header[4:], "big"))
    except HTTPError as error:
        raise requests.ConnectionError(error) from error


def _whole(answer: requests.Response) -> Iterator[tuple[int, bytes]]:
    """A terminal's output has no frames."""
    for line in answer.iter_lines(chunk_size=None):
        yield 1, line


def _entries(frames: Iterator[tuple[int, bytes]]) -> Iterator[Entry]:
    for number, payload in frames:
        text = payload.decode(errors="replace").rstrip("\r\n")
        if number == _ERRORS:
            yield Entry("", "", "stderr", "", text)
            continue
        time, _, rest = text.partition(" ")
        details, _, line = rest.partition(" ")
        origin = dict(pair.partition("=")[::2] for pair in details.split(","))
        yield Entry(
            unquote(origin.get(_TASK, "")),
            unquote(origin.get(_NODE, "")),
            _STREAMS.get(number, "stdout"),
            time,
            line,
        )
