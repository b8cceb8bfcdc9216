"""A database server of nobody else: a container without a network, spoken to by its socket."""

import json
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mariadb
from alone import RUN, alone
from words import Failed, say

_LABEL = "beeyard.backup=scratch"
_DEADLINE = 180.0


@contextmanager
def scratch(image: str) -> Iterator[mariadb.User]:
    """Its root. It is removed at the end, with all that is in it."""
    with alone("database"):
        _remove()
        name = f"beeyard-backup-{secrets.token_hex(4)}"
        folder = RUN / name
        # The server's user, whoever that is in the image, makes its socket here.
        folder.mkdir()
        folder.chmod(0o777)
        try:
            _start(name, image, folder)
            root = mariadb.User("root", socket=str(folder / "mysqld.sock"))
            _await(name, root)
            yield root
        finally:
            _remove()


def _start(name: str, image: str, folder: Path) -> None:
    argv = [
        *("docker", "run", "--detach", "--name", name, "--label", _LABEL, "--network", "none"),
        *("--env", "MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1", "--env", "MYSQL_ALLOW_EMPTY_PASSWORD=1"),
        *("--volume", f"{folder}:/run/mysqld", image),
        # What is lost with it does not matter.
        *("--innodb-flush-log-at-trx-commit=0", "--max-allowed-packet=1G"),
        # As where the application has made its routines by itself.
        "--log-bin-trust-function-creators=1",
        *("--character-set-server=utf8mb4", "--collation-server=utf8mb4_unicode_ci"),
    ]
    say(f"starting a scratch server ({image})")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed(f"the scratch server {image} could not be started: {done.stderr.strip()}")


def _await(name: str, root: mariadb.User) -> None:
    """Until the server answers: while the image makes its database, one without a port does."""
    end = time.monotonic() + _DEADLINE
    while time.monotonic() < end:
        if not _runs(name):
            break
        if Path(root.socket).exists() and mariadb.answers(root, "SELECT @@skip_networking") == "0":
            return
        time.sleep(0.3)
    argv = ["docker", "logs", "--tail", "12", name]
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    raise Failed(f"the scratch server did not come up: {said.stdout}{said.stderr}".strip())


def _runs(name: str) -> bool:
    argv = ["docker", "inspect", "--format", "{{json .State.Running}}", name]
    return bool(json.loads(subprocess.run(argv, capture_output=True, check=True).stdout))


def _remove() -> None:
    """This one, and what a run left that was killed."""
    argv = ["docker", "ps", "--all", "--quiet", "--filter", f"label={_LABEL}"]
    found = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.split()
    if found:
        argv = ["docker", "rm", "--force", "--volumes", *found]
        subprocess.run(argv, capture_output=True, check=True)
    for folder in RUN.glob("beeyard-backup-*"):
        shutil.rmtree(folder)
