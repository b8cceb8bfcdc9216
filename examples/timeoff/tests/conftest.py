"""Fixtures: real databases, real servers, a real browser."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlalchemy.engine import URL

from support.mariadb import MariaDB
from support.replica import DEMO_PASSWORD, Replica
from timeoff.database import connect, transaction
from timeoff.migrate import upgrade
from timeoff.models import Base


@pytest.fixture(scope="session")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaDB]:
    """A MariaDB server of our own."""
    with MariaDB.start(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture
def mariadb_url(mariadb: MariaDB) -> Iterator[URL]:
    """A new, empty database on it."""
    name = f"timeoff_{secrets.token_hex(4)}"
    mariadb.create(name)
    yield mariadb.url(name)
    mariadb.drop(name)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> URL:
    """A SQLite file that does not exist yet."""
    return URL.create("sqlite", database=str(tmp_path / "timeoff.db"))


@pytest.fixture(params=["sqlite", "mariadb"])
def database_url(request: pytest.FixtureRequest) -> URL:
    """An empty database of each kind."""
    url: URL = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session", params=["sqlite", "mariadb"])
def migrated(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """A migrated database of each kind, for all tests together."""
    if request.param == "sqlite":
        file = tmp_path_factory.mktemp("shared") / "timeoff.db"
        url = URL.create("sqlite", database=str(file))
    else:
        mariadb: MariaDB = request.getfixturevalue("mariadb")
        mariadb.create("shared")
        url = mariadb.url("shared")
    engine = connect(url)
    upgrade(engine, 10)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(migrated: Engine) -> Iterator[Engine]:
    """A migrated database of each kind; its tables are empty."""
    yield migrated
    with transaction(migrated) as db:
        for table in reversed(Base.metadata.sorted_tables):
            db.execute(table.delete())


@pytest.fixture(scope="module")
def shared_replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    """One replica for all tests of a module that only read."""
    folder = tmp_path_factory.mktemp("shared")
    url = URL.create("sqlite", database=str(folder / "timeoff.db"))
    with Replica.start(url, folder, {"TIMEOFF_DEMO_PASSWORD": DEMO_PASSWORD}) as running:
        yield running


@pytest.fixture
def replica(sqlite_url: URL, tmp_path: Path) -> Iterator[Replica]:
    """One replica with the demo data, on SQLite."""
    with Replica.start(sqlite_url, tmp_path, {"TIMEOFF_DEMO_PASSWORD": DEMO_PASSWORD}) as running:
        yield running
