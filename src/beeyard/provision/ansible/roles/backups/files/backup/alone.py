"""One at a time: who tries a backup on this node has the scratch place for itself."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from words import Failed

#: Root's alone: the scratch server lets in whoever reaches its socket.
RUN = Path("/run/beeyard-backup")


@contextmanager
def alone(kind: str) -> Iterator[None]:
    """Raises Failed where another run is at it; the lock ends with the process that holds it."""
    RUN.mkdir(exist_ok=True)
    RUN.chmod(0o700)
    with (RUN / f"{kind}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failed(
                "another backup is being verified on this node: wait for its end"
            ) from error
        yield
