"""Named locks between replicas: MySQL's and MariaDB's GET_LOCK, and flock beside a SQLite file."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, text

from timeoff.errors import LockTimeoutError

POLL_SECONDS = 0.05
MAX_NAME_LENGTH = 64


@contextmanager
def named_lock(connection: Connection, name: str, seconds: float) -> Iterator[None]:
    """Hold the lock `name` of this database; wait for it up to `seconds`.

    The lock belongs to `connection`: should that break, the server frees it. Do the work that it
    guards on the same connection. Raises LockTimeoutError.
    """
    if connection.dialect.name == "sqlite":
        with _file_lock(connection.engine.url.database, name, seconds):
            yield
        return
    # Such locks are the whole server's, which may hold other applications' databases.
    full_name = f"{name}.{connection.engine.url.database}"[:MAX_NAME_LENGTH]
    taken = connection.scalar(
        text("SELECT GET_LOCK(:name, :seconds)"), {"name": full_name, "seconds": int(seconds)}
    )
    connection.commit()
    if taken != 1:
        raise LockTimeoutError(_message(name, seconds))
    try:
        yield
    finally:
        connection.rollback()
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": full_name})
        connection.commit()


@contextmanager
def _file_lock(database: str | None, name: str, seconds: float) -> Iterator[None]:
    if not database or database == ":memory:":
        yield  # nobody else can reach it
        return
    deadline = time.monotonic() + seconds
    with Path(f"{database}.{name}.lock").open("w", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LockTimeoutError(_message(name, seconds)) from None
                time.sleep(POLL_SECONDS)
        yield


def _message(name: str, seconds: float) -> str:
    return (
        f"Another replica has held the lock {name!r} for {seconds:g} s. "
        "If it hangs, stop it; then start this one again."
    )
