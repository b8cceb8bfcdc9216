"""A MariaDB server in a temporary folder, as an unprivileged user; no system service is touched."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from support.ports import free_port

START_SECONDS = 30
STOP_SECONDS = 20
USER = "tester"
PACKAGES = "mariadb-server-core mariadb-client-core"


def program(name: str) -> str:
    """The path of a program of the server. Fails the test in words if it is not installed."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin")
    assert path, f"{name} is not installed: apt-get install {PACKAGES}"
    return path


@dataclass(frozen=True)
class MariaDB:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    def create(self, database: str) -> None:
        """Make a database. Latin 1, as some servers' default is: tables must not depend on it."""
        self._execute(f"CREATE DATABASE {database} CHARACTER SET latin1")

    def drop(self, database: str) -> None:
        """Remove a database."""
        self._execute(f"DROP DATABASE {database}")

    def _execute(self, statement: str) -> None:
        engine = create_engine(self.url(""), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()

    def suspend(self) -> None:
        """Make it hang: connections stay open, and nothing is answered."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def url(self, database: str) -> URL:
        """Where a database of it is."""
        return URL.create(
            "mysql+pymysql",
            username=USER,
            password="password",
            host="127.0.0.1",
            port=self.port,
            database=database,
        )

    @classmethod
    @contextmanager
    def start(cls, logs: Path) -> Iterator["MariaDB"]:
        """A server, until the block ends."""
        # Its own short path: sockets allow no more than 107 bytes.
        folder = Path(tempfile.mkdtemp(prefix="timeoff-db-"))
        try:
            identity = _unprivileged(folder)
            _install(folder, identity)
            port = free_port()
            with (logs / "mariadbd.log").open("wb") as log:
                process = subprocess.Popen(
                    _command(folder, port), stdout=log, stderr=log, **identity
                )
            try:
                server = cls(port, process)
                server._wait(logs / "mariadbd.log")
                yield server
            finally:
                process.terminate()
                process.wait(STOP_SECONDS)
        finally:
            shutil.rmtree(folder)

    def _wait(self, log: Path) -> None:
        engine = create_engine(self.url(""))
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                engine.connect().close()
                break
            except DBAPIError:
                ended = self.process.poll() is not None or time.monotonic() > deadline
                assert not ended, f"mariadbd did not start:\n{log.read_text()[-3000:]}"
                time.sleep(0.1)
        engine.dispose()


def _command(folder: Path, port: int) -> list[str]:
    return [
        program("mariadbd"),
        "--no-defaults",
        f"--datadir={folder / 'data'}",
        f"--socket={folder / 'socket'}",
        f"--init-file={folder / 'init.sql'}",
        f"--port={port}",
        "--bind-address=127.0.0.1",
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=32M",
    ]


def _unprivileged(folder: Path) -> dict[str, int]:
    """How to start a process as somebody other than root; `folder` becomes theirs."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    return {"user": nobody.pw_uid, "group": nobody.pw_gid}


def _install(folder: Path, identity: dict[str, int]) -> None:
    (folder / "init.sql").write_text(
        f"CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY 'password';\n"
        f"GRANT ALL ON *.* TO '{USER}'@'127.0.0.1';\n"
    )
    program("my_print_defaults")  # which mariadb-install-db runs
    installed = subprocess.run(
        [
            program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            "--skip-name-resolve",
        ],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder,
        **identity,
    )
    assert installed.returncode == 0, installed.stdout
