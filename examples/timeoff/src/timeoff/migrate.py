"""Bring the database's tables to this version, once, however many replicas start together."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from timeoff.errors import DatabaseUnavailableError
from timeoff.locks import named_lock

log = logging.getLogger(__name__)

RETRY_SECONDS = 0.5
LOCK = "timeoff_migrate"


def upgrade(engine: Engine, seconds: float, revision: str = "head") -> str | None:
    """Migrate up to `revision`; gives the revision that the database then has.

    Waits up to `seconds` for the database, and again for another replica that is migrating.
    Raises DatabaseUnavailableError, LockTimeoutError.
    """
    with _locked(engine, seconds) as connection:
        before = _current(connection)
        command.upgrade(_config(connection), revision)
        connection.commit()
        after = _current(connection)
    if after != before:
        log.info("database migrated from %s to %s", before or "nothing", after)
    return after


def downgrade(engine: Engine, seconds: float, revision: str) -> str | None:
    """Migrate down to `revision` ("base" is the empty database); gives the revision it has."""
    with _locked(engine, seconds) as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()
        return _current(connection)


@contextmanager
def _locked(engine: Engine, seconds: float) -> Iterator[Connection]:
    with wait_for_database(engine, seconds) as connection, named_lock(connection, LOCK, seconds):
        yield connection


def wait_for_database(engine: Engine, seconds: float) -> Connection:
    """A connection, as soon as the database accepts one. Raises DatabaseUnavailableError."""
    deadline = time.monotonic() + seconds
    announced = False
    while True:
        try:
            return engine.connect()
        except DBAPIError as error:
            address = engine.url.render_as_string(hide_password=True)
            if engine.dialect.name == "sqlite":
                raise DatabaseUnavailableError(
                    f"{address} can't be opened: {error.orig}. May this user write there?"
                ) from error
            if time.monotonic() > deadline:
                raise DatabaseUnavailableError(
                    f"{address} did not answer within {seconds:g} s: {error.orig}"
                ) from error
            if not announced:
                log.warning("waiting for %s: %s", address, error.orig)
                announced = True
            time.sleep(RETRY_SECONDS)


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
