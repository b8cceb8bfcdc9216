"""Many who push at once, and a runner that does all of it at once; also for `make bench`."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from beeyard.waiting import SystemClock, wait_until
from controller.serving import APPLICATIONS, Controller, project

PIPELINE = """
kind: pipeline
name: default
steps:
  - {name: test, image: alpine, commands: [echo tested]}
  - {name: ship, image: beeyard/deploy, settings: {image: "x:${DRONE_COMMIT_SHA:0:8}"}}
"""
#: How often each application is pushed to.
EACH = 5


def take(runner: httpx.Client, **more: Any) -> dict[str, Any]:
    body = {"runner": "worker-1", "free": 1, "wait": 5} | more
    answer = runner.post("/runner/poll", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def ended(runner: httpx.Client, attempt: str, status: str = "success") -> None:
    answer = runner.post(f"/runner/attempts/{attempt}/end", json={"status": status})
    assert answer.status_code == 204, answer.text


@dataclass(frozen=True)
class Crowd:
    """What became of pushes, each an application and a commit.

    seconds  from the first push to the last one's answer
    ran      how many runs the runner was given
    memory   bytes of the controller's, afterwards
    """

    pushed: Sequence[tuple[str, str]]
    runs: Mapping[tuple[str, str], str]
    ran: int
    seconds: float
    memory: int


def crowd(made: Controller, folder: Path) -> Crowd:
    """Push to all applications, of five at a time, and wait until all that runs has ended."""
    works = {name: project(folder / name, PIPELINE) for name in APPLICATIONS}
    stop = threading.Event()

    def run_all() -> int:
        count = 0
        with made.runner() as runner:
            while True:
                stage = take(runner, wait=0.2)["stage"]
                if stage is None and stop.is_set():
                    return count
                if stage is not None:
                    ended(runner, stage["attempt"])
                    count += 1

    def push_all(name: str) -> list[tuple[str, str]]:
        heads = []
        for number in range(EACH):
            heads.append((name, works[name].commit(f"change {number}")))
            works[name].git("push", "-o", "no-follow", made.remote(name), "main")
        return heads

    with ThreadPoolExecutor(5) as pool:
        done = pool.submit(run_all)
        began = time.monotonic()
        pushed = [head for heads in pool.map(push_all, APPLICATIONS) for head in heads]
        seconds = time.monotonic() - began
        with made.api() as api:
            wait_until(lambda: _all_ended(api), clock=SystemClock(), deadline=60)
            found = _runs(api)
        stop.set()
        ran = done.result(timeout=30)
    runs = {(run["application"], run["event"]["commit"]): run["status"] for run in found}
    return Crowd(pushed, runs, ran, seconds, made.memory)


def _all_ended(api: httpx.Client) -> bool:
    return all(run["status"] not in ("pending", "running") for run in _runs(api))


def _runs(api: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get("/api/runs", params={"limit": 200}).json()
    return found
