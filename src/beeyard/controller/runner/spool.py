"""A step's log on its way: kept in a file on the node until the controller has it.

So a controller that is away holds up no step, and a log that grows faster than it is taken costs
disk, not memory.
"""

import threading
from collections.abc import Callable
from pathlib import Path

from beeyard.errors import BeeyardError

_PIECE = 256 * 1024
#: Seconds between two pieces, so that a step that prints line by line is not a message a line.
_TOGETHER = 0.1

#: Sends a piece that begins at an offset; gives where the next begins.
Send = Callable[[int, bytes], int]


class Spool:
    """One log: written by the step's thread, sent by a thread of its own."""

    def __init__(self, path: Path, send: Send) -> None:
        self._path = path
        self._send = send
        self._file = path.open("wb")
        self._more = threading.Event()
        self._closed = threading.Event()
        self.problem = ""
        self._thread = threading.Thread(target=self._run, name=f"log {path.name}", daemon=True)
        self._thread.start()

    def write(self, chunk: bytes) -> None:
        """Take a piece of output. Returns once it is in the file."""
        self._file.write(chunk)
        self._file.flush()
        self._more.set()

    def close(self) -> None:
        """Nothing comes any more; what is there is still sent."""
        if not self._closed.is_set():
            self._file.close()
            self._closed.set()
            self._more.set()

    def join(self, seconds: float | None = None) -> bool:
        """Wait until all of it is sent, or can't be; give whether it is."""
        self._thread.join(seconds)
        return not self._thread.is_alive() and not self.problem

    def _run(self) -> None:
        try:
            self._send_all()
        except BeeyardError as error:
            self.problem = error.brief
        finally:
            self._path.unlink(missing_ok=True)

    def _send_all(self) -> None:
        offset = 0
        with self._path.open("rb") as file:
            while True:
                ended = self._closed.is_set()
                self._more.clear()
                file.seek(offset)
                piece = file.read(_PIECE)
                if piece:
                    offset = self._send(offset, piece)
                elif ended:
                    return
                else:
                    self._more.wait()
                    # A moment for more of it.
                    self._closed.wait(_TOGETHER)
