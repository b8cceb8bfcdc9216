"""The logs of steps: files on the shared storage that grow at their end only.

A runner says at which byte its piece begins. So a piece that comes twice is written once, one that
is ahead of what is here is refused with how far we are, and nobody has to remember anything.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from beeyard.controller.runs import Run, Runs
from beeyard.errors import PipelineError

#: How much of one step's log is kept (bytes). The rest is counted, not kept.
MOST = 512 * 1024 * 1024
_PIECE = 64 * 1024


class Ahead(PipelineError):
    """A piece that begins after the end of what is here; `size` is where it should begin."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the log has {size} bytes; the piece begins after them")
        self.size = size


@dataclass(frozen=True)
class Logs:
    """All logs, below one folder. Files are named by numbers: what people write names no path.

    most  bytes of one step's that are kept
    days  for which a run's are kept after its end
    """

    folder: Path
    most: int = MOST
    days: int = 90

    def path(self, run: Run, stage: str, step: str) -> Path:
        """Raises PipelineError where the run has no such step."""
        stages = list(run.stages)
        if stage not in run.stages or step not in run.stages[stage].steps:
            raise PipelineError(f"run {run.number} has no step {stage}/{step}")
        number = list(run.stages[stage].steps).index(step)
        return self.folder / str(run.number) / f"{stages.index(stage)}-{number}.log"

    def append(self, path: Path, offset: int, data: bytes) -> int:
        """Add a piece that begins at `offset`; give the log's size. Raises Ahead."""
        size = self.size(path)
        if offset > size:
            raise Ahead(size)
        fresh = data[size - offset :][: max(0, self.most - size)]
        if not fresh:
            return size
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(fresh)
        return size + len(fresh)

    def size(self, path: Path) -> int:
        try:
            return path.stat().st_size
        except FileNotFoundError:
            return 0

    def read(self, path: Path, offset: int = 0, most: int = _PIECE) -> bytes:
        """A piece from `offset` on; empty at the end, and where nothing was written yet."""
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except FileNotFoundError:
            return b""

    def pieces(self, path: Path, offset: int = 0) -> Iterator[bytes]:
        """All that is there from `offset` on."""
        while piece := self.read(path, offset):
            yield piece
            offset += len(piece)

    def tail(self, path: Path, lines: int) -> list[str]:
        """The last lines, of the last 64 KiB."""
        data = self.read(path, max(0, self.size(path) - _PIECE))
        return data.decode(errors="replace").splitlines()[-lines:]

    def is_over(self, run: Run, now: datetime) -> bool:
        """Whether a run ended so long ago that its logs are not kept any more."""
        return run.stopped is not None and now - run.stopped > timedelta(days=self.days)

    def sweep(self, runs: Runs, now: datetime) -> list[int]:
        """Remove the logs of runs that are over, or no longer known; the runs' numbers."""
        gone = []
        for folder in self.folder.iterdir() if self.folder.is_dir() else ():
            number = int(folder.name)
            run = runs.get(number)
            if number <= runs.last and (run is None or self.is_over(run, now)):
                shutil.rmtree(folder)
                gone.append(number)
        return sorted(gone)

    def sync(self, path: Path) -> None:
        """See to it that a log that ended is on disk."""
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
