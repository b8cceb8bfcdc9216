"""`python -m beeyard.controller.runner`: beside a node's engine, until told to end."""

import logging
import os
import platform
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

import docker
import httpx

from beeyard.controller.assignment import Assignment, Poll
from beeyard.controller.runner.link import Link
from beeyard.controller.runner.work import RUNNER_LABEL, Means, Work
from beeyard.errors import BeeyardError
from beeyard.pipelines.docker_engine import DockerEngine
from beeyard.pipelines.plan import MEBIBYTE, StepLimits

_log = logging.getLogger("beeyard.runner")
_AUTHORITY = Path("/etc/beeyard/acme-ca.pem")
_TOKEN = Path("/run/secrets/runner_token")
_SYSTEM_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")
_PAUSE = 1.0
#: Seconds that stages get to end by themselves after SIGTERM.
_GRACE = 40.0
_ARCHES = {"x86_64": "amd64", "aarch64": "arm64"}


@dataclass
class Runner:
    """Asks for work, and does it in threads, `parallel` stages at once."""

    means: Means
    parallel: int
    _at: dict[str, Work] = field(default_factory=dict)
    _threads: set[threading.Thread] = field(default_factory=set)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Until `stop`."""
        labels = {"os": "linux", "arch": self.means.arch, "node": self.means.node}
        while not self._stop.is_set():
            with self._lock:
                running = tuple(self._at)
            free = max(0, self.parallel - len(running))
            poll = Poll(
                runner=self.means.node, free=free, labels=labels, running=running, wait=20.0
            )
            try:
                work = self.means.link.work(poll)
            except BeeyardError as error:
                _log.warning("%s: %s", error.what, error.why)
                self._stop.wait(_PAUSE)
                continue
            for attempt in work.stop:
                self._cancel(attempt)
            if work.stage is not None:
                self._begin(work.stage)
            elif work.stop:
                # They take a moment to end.
                self._stop.wait(_PAUSE)

    def stop(self) -> None:
        """Take nothing more."""
        self._stop.set()

    def finish(self, grace: float) -> None:
        """Let stages end by themselves for a while, then stop them."""
        for thread in list(self._threads):
            thread.join(grace / max(1, len(self._threads)))
        with self._lock:
            left = list(self._at.values())
        for work in left:
            work.cancel.set("its runner was stopped")
        for thread in list(self._threads):
            thread.join(15.0)

    def _begin(self, handed: Assignment) -> None:
        work = Work(self.means, handed)
        with self._lock:
            self._at[handed.attempt] = work
        thread = threading.Thread(target=self._work, args=(work,), name=f"run {handed.run}")
        self._threads.add(thread)
        thread.start()

    def _work(self, work: Work) -> None:
        _log.info("run %s of %s: %s", work.handed.run, work.handed.application, work.handed.stage)
        try:
            work.run()
        finally:
            with self._lock:
                del self._at[work.handed.attempt]
            self._threads.discard(threading.current_thread())

    def _cancel(self, attempt: str) -> None:
        with self._lock:
            work = self._at.get(attempt)
        if work is not None:
            work.cancel.set("cancelled")


def main() -> int:
    """Run until SIGTERM. Gives the exit code."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # It tells of each request, by its URL, which has the attempt's word in it.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    runner = Runner(_means(os.environ.__getitem__), int(os.environ["BEEYARD_PARALLEL"]))
    # What a runner that was killed has left.
    runner.means.engine.sweep({RUNNER_LABEL: runner.means.node})

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stop()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    asking = threading.Thread(target=runner.run, name="asking", daemon=True)
    asking.start()
    while asking.is_alive() and not runner._stop.wait(1.0):  # noqa: SLF001 (its own module)
        pass
    runner.finish(_GRACE)
    return 0


def _means(given: Callable[[str], str]) -> Means:
    controller = given("BEEYARD_CONTROLLER")
    roots = _roots(Path("/tmp/roots.pem"))  # noqa: S108 (its own)
    headers = {"Authorization": f"Bearer {_TOKEN.read_text().strip()}"}
    client = httpx.Client(
        base_url=controller,
        headers=headers,
        verify=ssl.create_default_context(cafile=str(roots)),
        trust_env=False,
    )
    return Means(
        node=given("BEEYARD_NODE"),
        engine=DockerEngine(docker.from_env(timeout=120)),
        link=Link(client),
        spool=Path("/spool"),
        limits=StepLimits(
            cpus=float(given("BEEYARD_CPUS")), memory=int(given("BEEYARD_MEMORY_MIB")) * MEBIBYTE
        ),
        timeout=float(given("BEEYARD_TIMEOUT")),
        git_settings=_git_settings(controller, roots),
        arch=_ARCHES.get(platform.machine(), platform.machine()),
    )


def _roots(into: Path) -> Path:
    """Whom to trust: the system's authorities, and the cluster's own where it has one."""
    parts = [path.read_text() for path in (_SYSTEM_ROOTS, _AUTHORITY) if path.is_file()]
    into.write_text("\n".join(parts))
    return into


def _git_settings(controller: str, roots: Path) -> tuple[str, ...]:
    """Git trusts the same authorities, and asks the node's resolver: curl by itself takes names
    below `localhost`, which a rehearsal's are, for this machine (curl, `lib/hostip.c`)."""
    host = (urlsplit(controller).hostname or "").replace("ci.", "git.", 1)
    address = socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM)[0][4][0]
    return (f"http.sslCAInfo={roots}", f"http.curloptResolve={host}:443:{address}")


if __name__ == "__main__":
    sys.exit(main())
