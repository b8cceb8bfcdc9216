"""Ctrl-C and SIGTERM: what runs is told to stop, and then so do we."""

import signal
from types import FrameType

from beeyard.errors import Interrupted
from beeyard.process import LocalRunner


def pass_on(runner: LocalRunner | None = None) -> None:
    """From now on, an interrupt ends the runner's processes and raises Interrupted."""

    def handle(_number: int, _frame: FrameType | None) -> None:
        if runner is not None:
            runner.interrupt()
        raise Interrupted("stopped by you", fix="run it again to go on from here")

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
