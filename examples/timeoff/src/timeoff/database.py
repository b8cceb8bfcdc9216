"""Engines and sessions. SQLite is for one replica, MySQL and MariaDB for several."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session

WRITE_FIRST = "timeoff_write_first"
LOCK_WAIT_SECONDS = 10


def connect(url: URL, *, timeout: int = LOCK_WAIT_SECONDS, pool_size: int = 5) -> Engine:
    """An engine for `url`. `timeout` (seconds) bounds connecting, and each wait for an answer."""
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": timeout})
        _prepare_sqlite(engine)
        return engine
    return create_engine(
        url,
        # Checks that follow a row lock must see what the lock's last holder committed.
        isolation_level="READ COMMITTED",
        pool_size=pool_size,
        pool_pre_ping=True,
        pool_recycle=300,
        pool_timeout=timeout,
        connect_args={
            "connect_timeout": timeout,
            "read_timeout": timeout * 2,
            "write_timeout": timeout * 2,
        },
    )


def _prepare_sqlite(engine: Engine) -> None:
    # The driver would begin a transaction only at the first write, after the rules were checked.
    # Source: "Serializable isolation / Savepoints" in SQLAlchemy's SQLite dialect documentation.
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:  # noqa: ANN401
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        write_first = connection.get_execution_options().get(WRITE_FIRST, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write_first else "BEGIN")


@contextmanager
def transaction(engine: Engine, *, write: bool = True) -> Iterator[Session]:
    """A session in one transaction: committed at the end, rolled back on any exception.

    With `write`, SQLite takes its write lock at once; elsewhere rows are locked as they are read.
    """
    with Session(engine, expire_on_commit=False) as session:
        session.connection(execution_options={WRITE_FIRST: write})
        yield session
        session.commit()
