"""A real AWS API on loopback: moto's server in a process of its own."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

TERRAFORM_TESTS = Path(__file__).parent.parent / "terraform"


class Moto:
    """A running server."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint

    def reset(self) -> None:
        """Forget everything, and let everybody in."""
        self._post("reset")
        self._post("reset-auth", "Infinity")

    def ask_for_credentials(self) -> None:
        """From now on refuse whoever shows a key that no user of IAM has."""
        self._post("reset-auth", "0")

    def _post(self, path: str, body: str = "") -> None:
        httpx.post(f"{self.endpoint}/moto-api/{path}", content=body, timeout=30).raise_for_status()


def make_database(rds: Any) -> None:
    """A database server as `database` makes it, by a client of RDS: `shop`."""
    rds.create_db_instance(
        DBInstanceIdentifier="shop",
        DBInstanceClass="db.t3.micro",
        Engine="mariadb",
        EngineVersion="10.11",
        AllocatedStorage=20,
        MasterUsername="beeyard",
        MasterUserPassword="throwaway-1",
    )


@contextmanager
def serving() -> Iterator[Moto]:
    """The server on a free port, with the answers put right that Terraform needs."""
    server = subprocess.Popen(
        [sys.executable, TERRAFORM_TESTS / "moto_server.py", "0"],
        env=os.environ | {"MOTO_AMIS_PATH": str(TERRAFORM_TESTS / "data/amis.json")},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert server.stderr is not None
    try:
        said = []
        for line in server.stderr:
            said.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                break
        else:
            raise AssertionError(f"moto did not start:\n{''.join(said)}")
        # Its log must be read on, or the pipe fills and the server stands still.
        drain = threading.Thread(target=server.stderr.read)
        drain.start()
        yield Moto(found.group())
    finally:
        server.terminate()
        server.wait(30)
    drain.join()
    server.stderr.close()
