"""A whole controller on this machine, in a process of its own that may be killed; a cluster behind
it there is none.

Run as a program, it is that process: `python -m controller.serving FOLDER PORT`.
"""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from cryptography.fernet import Fernet

from beeyard.controller.__main__ import given, serve
from beeyard.waiting import SystemClock, wait_until
from cloud.example import outputs, spec
from controller.git.served import Work, new_work

ADMIN, RUNNER = "admin-token-" + 24 * "a", "runner-token-" + 24 * "r"
APPLICATIONS = tuple(f"shop{number}" for number in range(10))


#: One whose code is at a forge.
FORGED = {
    "path": "forged",
    "forge": {"kind": "github", "repository": "https://forge.example.com/acme/shop.git"},
    "crons": {"nightly": "0 3 * * *"},
}


@dataclass
class Controller:
    """A controller with its data in a folder. It may be stopped, killed and begun again."""

    folder: Path
    port: int
    process: "subprocess.Popen[str] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def begin(self) -> None:
        argv = [sys.executable, "-m", "controller.serving", str(self.folder), str(self.port)]
        log = (self.folder / "log").open("a")
        self.process = subprocess.Popen(
            argv, cwd=Path(__file__).parents[1], stdout=log, stderr=log, text=True
        )
        log.close()
        wait_until(self.answers, clock=SystemClock(), deadline=40, interval=0.05)

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.said()
        try:
            return httpx.get(f"{self.url}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(timeout=30)
            self.process = None

    def said(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def memory(self) -> int:
        """Bytes of its memory that are its own, or in use."""
        assert self.process is not None
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return (
            int(next(line for line in text.splitlines() if line.startswith("Pss:")).split()[1])
            * 1024
        )

    def api(self, token: str = ADMIN) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def runner(self) -> httpx.Client:
        return self.api(RUNNER)

    def remote(self, application: str, token: str = ADMIN) -> str:
        return f"http://any:{token}@127.0.0.1:{self.port}/{application}.git"

    def run(self, number: int) -> dict[str, Any]:
        with self.api() as api:
            answer = api.get(f"/api/runs/{number}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def controller(folder: Path) -> Iterator[Controller]:
    """One that answers; its data are below `folder`."""
    prepare(folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Controller(folder, port)
    try:
        made.begin()
        yield made
    finally:
        made.end(signal.SIGKILL)


def prepare(folder: Path) -> None:
    """What the stack gives a controller, below `folder`."""
    secrets = folder / "secrets"
    secrets.mkdir(parents=True)
    told = spec(
        infrastructure=["ci"],
        applications={name: {"path": name} for name in APPLICATIONS} | {"forged": FORGED},
    )
    cluster = {
        "spec": told.model_dump(mode="json", by_alias=True),
        "outputs": asdict(outputs()),
        "known_hosts": [],
    }
    contents = {
        "cluster": json.dumps(cluster),
        "admin_token": ADMIN,
        "runner_token": RUNNER,
        "vault_key": Fernet.generate_key().decode(),
        "ssh_key": "no key",
    }
    for name, text in contents.items():
        (secrets / name).write_text(text)


def project(folder: Path, pipeline: str | None = None) -> Work:
    """A working copy with a `.drone.yml`."""
    work = new_work(folder)
    if pipeline is not None:
        (folder / ".drone.yml").write_text(pipeline)
        work.git("add", ".drone.yml")
    work.commit()
    return work


if __name__ == "__main__":
    place = Path(sys.argv[1])
    os.environ["HOME"] = str(place)
    serve(given(place / "data", place / "secrets"), int(sys.argv[2]), "127.0.0.1")
