"""MariaDB's client programs, which speak to MySQL as well. Passwords go through pipes."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from typing import IO

from definers import users_of
from words import Failed, say

_DUMP = (
    *("mariadb-dump", "--single-transaction", "--quick", "--routines", "--triggers", "--events"),
    *("--hex-blob", "--order-by-primary", "--no-autocommit", "--no-tablespaces"),
    *("--skip-dump-date", "--add-drop-database", "--default-character-set=utf8mb4"),
    "--max-allowed-packet=1G",
)
_CLIENT = ("mariadb", "--batch", "--skip-column-names", "--default-character-set=utf8mb4")
_RESTORE = ("--max-allowed-packet=1G", "--init-command=SET lock_wait_timeout=60")


@dataclass(frozen=True)
class User:
    """Who signs in, and where: at a host, or by a socket."""

    name: str
    password: str = field(default="", repr=False)
    host: str = ""
    port: int = 3306
    socket: str = ""

    def options(self) -> str:
        quoted = self.password.replace("\\", "\\\\").replace('"', '\\"')
        place = (
            f"socket={self.socket}\n"
            if self.socket
            else f"protocol=tcp\nhost={self.host}\nport={self.port}\n"
        )
        return f'[client]\nuser={self.name}\npassword="{quoted}"\n{place}'


def version() -> str:
    return subprocess.run(
        ["mariadb-dump", "--version"], capture_output=True, text=True, check=True
    ).stdout.strip()


def ask(user: User, sql: str) -> str:
    """What the server answers to a statement."""
    with _started(user, _CLIENT, stdin=subprocess.PIPE) as client:
        said, _ = client.communicate(sql.encode())
    if client.returncode:
        raise Failed(f"the database {user.name} does not answer; see above")
    return said.decode().strip()


def answers(user: User, sql: str) -> str | None:
    """The same; None where nobody answers, without a word about it."""
    with _started(user, _CLIENT, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
        said, _ = client.communicate(sql.encode())
    return None if client.returncode else said.decode().strip()


def refused(user: User) -> str:
    """Why the server does not let the user in; empty: it does."""
    with _started(user, _CLIENT, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        _, said = client.communicate(b"SELECT 1")
    words = said.decode(errors="backslashreplace").strip()
    return (words or f"the client ended with {client.returncode}") if client.returncode else ""


def is_there(user: User, database: str) -> bool:
    """Whether the server has a database of that name, which the user has rights in."""
    return database in ask(user, "SHOW DATABASES").split("\n")


def like_an_application(root: User, name: str) -> User:
    """New users as an application has them; gives the first. Who looks at a view decides how it is
    described."""
    for one in users_of(name):
        ask(root, f"CREATE USER '{one}'@'%'; GRANT ALL ON `{name}`.* TO '{one}'@'%'")
    return User(name, socket=root.socket)


def end_others(user: User) -> int:
    """End the user's other connections: what they hold locked could not be replaced."""
    mine = (
        "SELECT id FROM information_schema.processlist WHERE user = SUBSTRING_INDEX(USER(), '@', 1)"
    )
    found = ask(user, f"{mine} AND id <> CONNECTION_ID()").split()
    # One that has ended meanwhile is an error to KILL, and none to us.
    for one in found:
        with _started(user, (*_CLIENT, "--force"), stdin=subprocess.PIPE) as client:
            client.communicate(f"KILL {int(one)}".encode())
    return len(found)


def feed(user: User, lines: Iterable[bytes]) -> None:
    """Let the server do what the lines say. Raises Failed where it does not: that the lines are
    those of the backup is for whoever reads them to know."""
    with _started(user, (*_CLIENT, *_RESTORE), stdin=subprocess.PIPE) as client:
        assert client.stdin is not None
        # One that hears no more says why by its code, and in words above.
        with suppress(BrokenPipeError):
            for line in lines:
                client.stdin.write(line)
            client.stdin.close()
        code = client.wait()
    if code:
        raise Failed(f"the server did not take all of the dump of {user.name}; see above")


@contextmanager
def dump(user: User, database: str) -> Iterator[IO[bytes]]:
    """The lines of a dump; leaving raises Failed with the program's words where it broke off."""
    argv = (*_DUMP, "--databases", database)
    # Not a pipe: nobody reads it while the lines are read.
    with TemporaryFile() as errors:
        with _started(user, argv, subprocess.DEVNULL, errors.fileno()) as client:
            assert client.stdout is not None
            try:
                yield client.stdout
            except BaseException:
                client.kill()
                raise
            code = client.wait()
        errors.seek(0)
        said = errors.read().decode(errors="backslashreplace").strip()
    if code:
        raise Failed(f"the dump of {database} broke off: {said or f'it ended with {code}'}")
    if said:
        say(said)


@contextmanager
def _started(
    user: User, argv: Iterable[str], stdin: int, stderr: int | None = None
) -> Iterator["subprocess.Popen[bytes]"]:
    program, *options = argv
    reader, writer = os.pipe()
    os.write(writer, user.options().encode())
    os.close(writer)
    # It has to be the first option.
    full = [program, f"--defaults-file=/dev/fd/{reader}", *options]
    try:
        process = subprocess.Popen(
            full, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr, pass_fds=(reader,)
        )
    except FileNotFoundError as error:
        raise Failed(f"{program} is not installed: run `beeyard up`") from error
    finally:
        os.close(reader)
    with process:
        yield process
