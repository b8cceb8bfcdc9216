"""Configuration: environment variables, or files that they name (Docker secrets)."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from timeoff.errors import ConfigError

log = logging.getLogger(__name__)

SQLITE_DEFAULT = "sqlite:///timeoff.db"
MIN_KEY_LENGTH = 16


@dataclass(frozen=True)
class Settings:
    """All that can be configured; times in seconds. Secrets stay out of repr()."""

    database_url: URL = field(repr=False)
    secret_keys: tuple[str, ...] = field(repr=False)
    demo_password: str | None = field(default=None, repr=False)
    cookie_secure: bool = True
    host: str = "0.0.0.0"  # noqa: S104  (a container is reached from outside itself)
    port: int = 8000
    trusted_proxies: str = "127.0.0.1"
    drain_seconds: float = 6.0
    startup_seconds: float = 60.0
    app_version: str = "dev"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Settings":
        """Read settings from `env`. Raises ConfigError naming the variable that is wrong."""
        database_url = _database_url(_secret(env, "DATABASE_URL") or SQLITE_DEFAULT)
        return cls(
            database_url=database_url,
            secret_keys=_secret_keys(_secret(env, "SECRET_KEY"), database_url),
            demo_password=_secret(env, "TIMEOFF_DEMO_PASSWORD"),
            cookie_secure=_boolean(env, "COOKIE_SECURE", cls.cookie_secure),
            host=env.get("HOST", cls.host),
            port=int(_number(env, "PORT", cls.port, 1, 65535)),
            trusted_proxies=env.get("TRUSTED_PROXIES", cls.trusted_proxies),
            drain_seconds=_number(env, "DRAIN_SECONDS", cls.drain_seconds, 0, 600),
            startup_seconds=_number(env, "STARTUP_SECONDS", cls.startup_seconds, 1, 3600),
            app_version=env.get("APP_VERSION") or cls.app_version,
        )


def _secret(env: Mapping[str, str], name: str) -> str | None:
    """The value of `name`, or the contents of the file that `name`_FILE names."""
    path = env.get(f"{name}_FILE")
    value = env.get(name)
    if path and value:
        raise ConfigError(f"Both {name} and {name}_FILE are set. Set one of them.")
    if path:
        try:
            value = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{name}_FILE: {path} can't be read: {error}") from error
        if not value:
            raise ConfigError(f"{name}_FILE: {path} is empty.")
    return value or None


def _database_url(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError) as error:
        raise ConfigError(
            "DATABASE_URL is no database address. Write sqlite:///timeoff.db or "
            "mysql+pymysql://user:password@host:3306/timeoff"
        ) from error
    if url.drivername in {"mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"}:
        return url.set(drivername="mysql+pymysql")
    if url.drivername in {"sqlite", "sqlite+pysqlite"}:
        return url
    raise ConfigError(
        f"DATABASE_URL: {url.drivername} is not supported. Use sqlite:// or mysql+pymysql://"
    )


def _secret_keys(text: str | None, database_url: URL) -> tuple[str, ...]:
    """One key per line: the first signs, all of them verify, so that a key can be replaced."""
    if text is None:
        if database_url.get_backend_name() != "sqlite":
            raise ConfigError(
                "SECRET_KEY or SECRET_KEY_FILE must be set: replicas that share a database "
                "have to accept each other's session cookies."
            )
        log.warning("SECRET_KEY is not set: everyone is signed out when this process ends.")
        return (secrets.token_urlsafe(32),)
    keys = tuple(line.strip() for line in text.splitlines() if line.strip())
    if any(len(key) < MIN_KEY_LENGTH for key in keys):
        raise ConfigError(f"SECRET_KEY: a key needs at least {MIN_KEY_LENGTH} characters.")
    return keys


def _number(env: Mapping[str, str], name: str, default: float, least: float, most: float) -> float:
    text = env.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        raise ConfigError(f"{name} is {text!r}, which is no number.") from None
    if not least <= value <= most:
        raise ConfigError(f"{name} is {text}; it must be from {least} to {most}.")
    return value


def _boolean(env: Mapping[str, str], name: str, default: bool) -> bool:
    text = env.get(name, "").lower()
    if not text:
        return default
    if text in {"true", "1", "yes", "on"}:
        return True
    if text in {"false", "0", "no", "off"}:
        return False
    raise ConfigError(f"{name} is {text!r}; write true or false.")
