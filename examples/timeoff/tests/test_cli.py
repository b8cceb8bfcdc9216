"""The command and its configuration."""

import os
from pathlib import Path

import pytest
from sqlalchemy.engine import URL

from support.replica import run
from timeoff.database import connect, transaction
from timeoff.errors import ConfigError
from timeoff.models import User
from timeoff.settings import Settings

MYSQL = "mysql://someone:secret@db:3306/timeoff"
KEY = "0123456789abcdef"


def test_defaults() -> None:
    settings = Settings.from_env({})
    assert str(settings.database_url) == "sqlite:///timeoff.db"
    assert settings.demo_password is None
    assert settings.cookie_secure
    assert settings.drain_seconds == 6


def test_secrets_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text(f"{MYSQL}\n")
    (tmp_path / "key").write_text(f"{KEY}-new\n{KEY}-old\n")
    settings = Settings.from_env(
        {
            "DATABASE_URL_FILE": str(tmp_path / "url"),
            "SECRET_KEY_FILE": str(tmp_path / "key"),
        }
    )
    assert settings.database_url.drivername == "mysql+pymysql"
    assert settings.database_url.password == "secret"
    assert settings.secret_keys == (f"{KEY}-new", f"{KEY}-old")
    assert "secret" not in repr(settings)
    assert KEY not in repr(settings)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"DATABASE_URL": MYSQL}, "SECRET_KEY or SECRET_KEY_FILE must be set"),
        ({"DATABASE_URL": "postgresql://db/timeoff", "SECRET_KEY": KEY}, "not supported"),
        ({"DATABASE_URL": "nonsense"}, "no database address"),
        ({"DATABASE_URL_FILE": "/nowhere"}, "DATABASE_URL_FILE: /nowhere can't be read"),
        ({"DATABASE_URL_FILE": os.devnull}, "is empty"),
        ({"DATABASE_URL": MYSQL, "DATABASE_URL_FILE": "/nowhere"}, "Both DATABASE_URL and"),
        ({"SECRET_KEY": "short"}, "at least 16 characters"),
        ({"PORT": "http"}, "PORT is 'http', which is no number"),
        ({"PORT": "70000"}, "PORT is 70000"),
        ({"COOKIE_SECURE": "perhaps"}, "write true or false"),
    ],
)
def test_mistakes_are_named(env: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Settings.from_env(env)


def test_mistakes_are_printed_without_a_traceback(sqlite_url: URL) -> None:
    process = run(sqlite_url, "serve", PORT="http")
    assert process.returncode == 1
    assert process.stderr == "timeoff: PORT is 'http', which is no number.\n"


def test_makes_the_first_admin(sqlite_url: URL) -> None:
    arguments = ("create-admin", "first@example.com", "The first")
    process = run(sqlite_url, *arguments, stdin="a good password\n")
    assert process.returncode == 0, process.stderr
    engine = connect(sqlite_url)
    with transaction(engine, write=False) as db:
        user = db.get_one(User, 1)
        assert (user.email, user.is_admin) == ("first@example.com", True)
    engine.dispose()
    again = run(sqlite_url, *arguments, stdin="a good password\n")
    assert again.returncode == 1
    assert "already has an account" in again.stderr
