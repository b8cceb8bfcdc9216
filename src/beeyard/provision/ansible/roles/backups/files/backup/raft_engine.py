"""A Docker engine's API, by its socket: no more than the standard library, as on any node."""

import http.client
import json
import socket
from pathlib import Path
from typing import Any

from words import Failed

SOCKET = Path("/run/docker.sock")


class _ByPath(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Engine:
    """The engine that listens at `path`. Its calls raise Failed where it refuses, with its words,
    and where it does not answer."""

    def __init__(self, path: Path = SOCKET, timeout: float = 60.0) -> None:
        self._path = path
        self._timeout = timeout

    def get(self, place: str) -> Any:
        """What it says of `place`."""
        return self._ask("GET", place, None)

    def post(self, place: str, body: Any) -> Any:
        """Have it do something."""
        return self._ask("POST", place, body)

    def _ask(self, method: str, place: str, body: Any) -> Any:
        connection = _ByPath(self._path, self._timeout)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, place, text, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            said = answer.read().decode(errors="replace")
        except OSError as error:
            raise Failed(f"the engine at {self._path} does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise Failed(f"the engine refused {method} {place}: {said.strip()}")
        return json.loads(said) if said.strip() else None
