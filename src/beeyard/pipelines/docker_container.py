"""A started container on a Docker engine: its output handed on, its end awaited."""

import threading
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from beeyard.pipelines.docker_words import ANSWER, CONNECT, check, check_unless_absent, in_words
from beeyard.pipelines.engine import Ended, Write

_HEADER = 8
_PIECE = 64 * 1024


class DockerContainer:
    """One that `start` starts. Raises StepError where it can't be."""

    def __init__(self, api: Any, container: str, name: str, write: Write) -> None:
        self._api = api
        self._id = container
        self._name = name
        self._write = write
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Attach to its output, then start it: so nothing of it is missed.

        The engine hands output on as it is read here, and holds the container up meanwhile.
        Source: Docker Engine API, "Attach to a container".
        """
        with in_words("its container could not be started", self._name):
            output = self._api.post(
                self._url("attach"),
                params={"stream": "1", "stdout": "1", "stderr": "1"},
                stream=True,
                timeout=(CONNECT, None),
            )
            check(output)
            self._reader = threading.Thread(
                target=self._read, args=(output,), name=f"output of {self._name}", daemon=True
            )
            self._reader.start()
            self._api.start(self._id)

    def wait(self) -> Ended:
        with in_words("its end could not be awaited", self._name):
            self._api.wait(self._id, timeout=None)
            state = self._api.inspect_container(self._id)["State"]
        if self._reader is not None:
            self._reader.join()
        return Ended(int(state["ExitCode"]), bool(state["OOMKilled"]))

    def stop(self, grace: float) -> None:
        with in_words("it could not be stopped", self._name):
            answer = self._api.post(
                self._url("stop"), params={"t": round(grace)}, timeout=(CONNECT, grace + ANSWER)
            )
            check_unless_absent(answer)

    def remove(self) -> None:
        with in_words("its container could not be removed", self._name):
            answer = self._api.delete(
                f"{self._api.base_url}/v{self._api.api_version}/containers/{self._id}",
                params={"force": "1", "v": "1"},
                timeout=(CONNECT, ANSWER),
            )
            check_unless_absent(answer)

    def _url(self, action: str) -> str:
        api = self._api
        return f"{api.base_url}/v{api.api_version}/containers/{self._id}/{action}"

    def _read(self, output: requests.Response) -> None:
        """Hand on what both streams say, piece by piece.

        Source: the same page, "Stream format".
        """
        try:
            with output:
                while len(header := output.raw.read(_HEADER)) == _HEADER:
                    self._hand_on(output, int.from_bytes(header[4:], "big"))
        except (requests.RequestException, HTTPError, OSError, ValueError):
            # The engine is gone: whoever awaits the container's end is told.
            return

    def _hand_on(self, output: requests.Response, size: int) -> None:
        while size:
            piece = output.raw.read(min(size, _PIECE))
            if not piece:
                return
            size -= len(piece)
            self._write(piece)
