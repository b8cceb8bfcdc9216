"""A pipeline's space on disk, watched: storage drivers seldom can limit it, and volumes never.

What is written between two looks is not held up; a single file can't outgrow the limit, as the
kernel sees to that (`docker_body`).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from beeyard.errors import BeeyardError
from beeyard.pipelines.engine import Engine, Usage
from beeyard.pipelines.log import in_units
from beeyard.pipelines.plan import MEBIBYTE, Job

# Seconds between two looks: at least, at most, and in between so many times what a look takes.
_LEAST, _MOST, _TIMES = 1.0, 10.0, 4.0
#: What steps may add to volumes that run after these were too large: they tell of the failure.
MORE = 64 * MEBIBYTE


@dataclass(frozen=True)
class TooMuch:
    """The limit was passed, by a step, or (empty) by volumes, which any step may fill; and to how
    many bytes. Said at every look."""

    step: str
    size: int
    reason: str


class DiskWatch:
    """Looks, from entry to exit, and posts what is too much. It does not watch without a limit."""

    def __init__(self, job: Job, engine: Engine, post: Callable[[TooMuch], None]) -> None:
        self._job = job
        self._engine = engine
        self._post = post
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="disk watch", daemon=True)

    def start(self) -> None:
        if self._job.disk:
            self._thread.start()

    def stop(self) -> None:
        """Stop looking. A look that is under way is not waited for."""
        self._ended.set()

    def _watch(self) -> None:
        pause = _LEAST
        while not self._ended.wait(pause):
            began = time.monotonic()
            try:
                usage = self._engine.usage(self._job)
            except BeeyardError:
                # Steps find out for themselves.
                continue
            pause = min(_MOST, max(_LEAST, (time.monotonic() - began) * _TIMES))
            if usage is not None:
                self._judge(usage)

    def _judge(self, usage: Usage) -> None:
        most = in_units(self._job.disk)
        for step, size in usage.steps.items():
            if size > self._job.disk:
                said = f"it has written {in_units(size)}, and may write {most}: it was stopped"
                self._post(TooMuch(step, size, said))
        if usage.volumes > self._job.disk:
            grown = in_units(usage.volumes)
            said = f"workspace and volumes have grown to {grown}, and may to {most}: it was stopped"
            self._post(TooMuch("", usage.volumes, said))
