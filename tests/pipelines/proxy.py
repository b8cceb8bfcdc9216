"""A way to the Docker engine that can be cut."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

ENGINE = "/var/run/docker.sock"


class Way:
    """Passes on what comes to a socket of its own, until it is cut."""

    def __init__(self, path: Path) -> None:
        self.url = f"unix://{path}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """End every connection, and take no more."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def end(self) -> None:
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for one in self._open:
            one.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            far.connect(ENGINE)
            self._open += [near, far]
            for pair in ((near, far), (far, near)):
                thread = threading.Thread(target=_pass_on, args=pair, daemon=True)
                self._threads.append(thread)
                thread.start()


@contextlib.contextmanager
def way(folder: Path) -> Iterator[Way]:
    made = Way(folder / "docker.sock")
    try:
        yield made
    finally:
        made.end()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
