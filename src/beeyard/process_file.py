"""Output through a file: of a process that is to go on to its end, however we end.

With pipes, what outlives us ends at its next line (SIGPIPE), in the middle of whatever it does. The
file is locked (`flock`) by the process itself, whose standard output it is: while it is, that
process runs, also where who started it is gone.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from beeyard.errors import ToolError

#: Seconds after which a file is looked at again for more.
_POLL = 0.1


def opened(path: Path) -> IO[bytes]:
    """The file, empty and locked, for a process's standard output. Raises ToolError where another
    process still writes it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise ToolError(
            "what was started before is still at work",
            where=str(path),
            fix="wait for its end, then run the command again",
        ) from error
    file.truncate(0)
    return file


def is_written(path: Path) -> bool:
    """Whether a process that was started with this file for its output still runs."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


class Followed:
    """The lines of a file that grows for as long as `runs` says so."""

    def __init__(self, path: Path, runs: Callable[[], bool]) -> None:
        self._file = path.open("rb")
        self._runs = runs

    def __iter__(self) -> Iterator[bytes]:
        rest = b""
        while True:
            # Asked first: what is written before its end is read after it.
            more = self._runs()
            while line := self._file.readline():
                rest += line
                if rest.endswith(b"\n"):
                    yield rest
                    rest = b""
            if not more:
                break
            time.sleep(_POLL)
        if rest:
            yield rest

    def close(self) -> None:
        self._file.close()
