"""Migrations and seeding, by one process and by several at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, inspect, select, text
from sqlalchemy.engine import URL

from support.replica import DEMO_PASSWORD, Replica, run
from timeoff.database import connect, transaction
from timeoff.errors import DatabaseUnavailableError, LockTimeoutError
from timeoff.locks import named_lock
from timeoff.migrate import LOCK, downgrade, upgrade
from timeoff.models import Base, LeaveRequest, User
from timeoff.seed import seed


def test_up_down_and_up_again(database_url: URL) -> None:
    engine = connect(database_url)
    assert upgrade(engine, 5) == "0003"
    assert upgrade(engine, 5) == "0003"
    assert downgrade(engine, 5, "0001") == "0001"
    assert "leave_requests" not in inspect(engine).get_table_names()
    assert downgrade(engine, 5, "base") is None
    assert inspect(engine).get_table_names() == ["alembic_version"]
    assert upgrade(engine, 5) == "0003"
    engine.dispose()


def test_tables_are_what_the_models_say(database_url: URL) -> None:
    engine = connect(database_url)
    upgrade(engine, 5)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_a_migration_that_was_cut_short_runs_again(mariadb_url: URL) -> None:
    engine = connect(mariadb_url)
    upgrade(engine, 5, "0001")
    with engine.connect() as connection:
        # As if the process had died after the second statement of the first step.
        connection.execute(text("DROP TABLE department_managers"))
        connection.execute(text("DELETE FROM alembic_version"))
        connection.commit()
    assert upgrade(engine, 5) == "0003"
    assert "department_managers" in inspect(engine).get_table_names()
    engine.dispose()


def test_text_is_unicode_whatever_the_servers_default(mariadb_url: URL) -> None:
    engine = connect(mariadb_url)
    upgrade(engine, 5)
    with engine.connect() as connection:
        charsets = connection.scalars(
            text(
                "SELECT DISTINCT character_set_name FROM information_schema.columns "
                "WHERE table_schema = DATABASE() AND character_set_name IS NOT NULL "
                "AND table_name <> 'alembic_version'"
            )
        ).all()
    assert charsets == ["utf8mb4"]
    engine.dispose()


@pytest.mark.slow
def test_several_processes_migrate_and_seed_at_once(database_url: URL) -> None:
    with ThreadPoolExecutor(3) as pool:
        migrated = list(pool.map(lambda _: run(database_url, "migrate"), range(3)))
        assert [process.returncode for process in migrated] == [0] * 3, migrated
        assert sum("migrated from nothing" in process.stderr for process in migrated) == 1
        seeded = list(
            pool.map(
                lambda _: run(database_url, "seed", TIMEOFF_DEMO_PASSWORD=DEMO_PASSWORD), range(3)
            )
        )
    assert [process.returncode for process in seeded] == [0] * 3, seeded
    assert sum("demo data put in" in process.stderr for process in seeded) == 1
    engine = connect(database_url)
    with transaction(engine, write=False) as db:
        assert len(db.scalars(select(User)).all()) == 6
        assert len(db.scalars(select(LeaveRequest)).all()) == 4
    engine.dispose()


@pytest.mark.slow
def test_replicas_start_at_once_on_an_empty_database(mariadb_url: URL, tmp_path: Path) -> None:
    extra = {"TIMEOFF_DEMO_PASSWORD": DEMO_PASSWORD, "DRAIN_SECONDS": "0"}
    replicas = [Replica.spawn(mariadb_url, tmp_path, extra) for _ in range(2)]
    try:
        for replica in replicas:
            replica.wait_until_healthy()
    finally:
        codes = [replica.stop() for replica in replicas]
    assert codes == [0, 0]


def test_waits_for_the_lock_no_longer_than_the_deadline(database_url: URL) -> None:
    engine = connect(database_url)
    other = connect(database_url)
    with other.connect() as holder, named_lock(holder, LOCK, 1):
        with pytest.raises(LockTimeoutError, match="Another replica"):
            upgrade(engine, 1)
        assert inspect(engine).get_table_names() == []
    assert upgrade(engine, 1) == "0003"
    engine.dispose()
    other.dispose()


def test_the_server_frees_the_lock_of_a_replica_that_died(mariadb_url: URL) -> None:
    engine, admin = connect(mariadb_url), create_engine(mariadb_url)
    dying = connect(mariadb_url).connect()
    assert dying.scalar(text(f"SELECT GET_LOCK('{LOCK}.{mariadb_url.database}', 1)")) == 1
    thread = dying.scalar(text("SELECT CONNECTION_ID()"))
    with admin.connect() as connection:
        connection.execute(text(f"KILL {thread}"))
    assert upgrade(engine, 5) == "0003"
    dying.invalidate()
    dying.close()
    for item in (engine, admin, dying.engine):
        item.dispose()


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path) -> None:
    url = URL.create("sqlite", database=str(tmp_path / "nowhere" / "timeoff.db"))
    with pytest.raises(DatabaseUnavailableError, match="can't be opened"):
        upgrade(connect(url), 60)


def test_a_database_that_is_not_there_is_an_error_in_words() -> None:
    url = URL.create("mysql+pymysql", "someone", "secret", "127.0.0.1", 1, "timeoff")
    with pytest.raises(DatabaseUnavailableError, match="did not answer within 1 s") as caught:
        upgrade(connect(url, timeout=1), 1)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("day", ["2026-12-31", "2027-01-01", "2028-02-29"])
def test_seeds_on_any_day_of_the_year(sqlite_url: URL, day: str) -> None:
    engine = connect(sqlite_url)
    upgrade(engine, 5)
    now = datetime.fromisoformat(f"{day}T23:59:59")
    assert seed(engine, DEMO_PASSWORD, 5, now)
    assert not seed(engine, DEMO_PASSWORD, 5, now)
    engine.dispose()


def test_nothing_is_seeded_without_a_password(sqlite_url: URL) -> None:
    run(sqlite_url, "migrate")
    process = run(sqlite_url, "seed")
    assert process.returncode == 0
    assert "no demo data" in process.stderr
