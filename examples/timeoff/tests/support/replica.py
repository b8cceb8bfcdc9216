"""One replica: the real command, in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy.engine import URL

from support.ports import free_port

SOURCES = Path(__file__).parents[2] / "src"
DEMO_PASSWORD = "a demo password"
START_SECONDS = 30
STOP_SECONDS = 30


def environment(url: URL, extra: Mapping[str, str]) -> dict[str, str]:
    """What a `timeoff` process of the tests finds in its environment."""
    return {
        **os.environ,
        "PYTHONPATH": str(SOURCES),
        "PYTHONDONTWRITEBYTECODE": "1",
        "DATABASE_URL": url.render_as_string(hide_password=False),
        "SECRET_KEY": "a key for the tests only",
        "COOKIE_SECURE": "false",
        "HOST": "127.0.0.1",
        **extra,
    }


def run(
    url: URL, *arguments: str, stdin: str = "", **extra: str
) -> subprocess.CompletedProcess[str]:
    """Run a `timeoff` command to its end."""
    return subprocess.run(
        [sys.executable, "-m", "timeoff", *arguments],
        env=environment(url, extra),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass(frozen=True)
class Replica:
    """A replica that serves."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    @classmethod
    def spawn(cls, url: URL, folder: Path, extra: Mapping[str, str]) -> "Replica":
        """Start `timeoff serve`, without waiting for it. Somebody must end the process."""
        port = free_port()
        path = folder / f"replica-{port}.log"
        with path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "timeoff", "serve"],
                env=environment(url, {"PORT": str(port), **extra}),
                stdout=log,
                stderr=log,
            )
        return cls(process, port, path)

    @classmethod
    @contextmanager
    def start(cls, url: URL, folder: Path, extra: Mapping[str, str]) -> Iterator["Replica"]:
        """A replica that is healthy, until the block ends."""
        replica = cls.spawn(url, folder, {"DRAIN_SECONDS": "0", **extra})
        try:
            replica.wait_until_healthy()
            yield replica
        finally:
            replica.stop()

    def wait_until_healthy(self) -> None:
        """Return once /healthz says 200; fail with the log if that never happens."""
        deadline = time.monotonic() + START_SECONDS
        while not self._is_healthy():
            assert self.process.poll() is None, f"it ended:\n{self.log.read_text()}"
            assert time.monotonic() < deadline, f"not healthy:\n{self.log.read_text()}"
            time.sleep(0.05)

    def _is_healthy(self) -> bool:
        try:
            return httpx.get(f"{self.base}/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """End it, if it still runs; gives the exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)
