"""Ctrl-C and SIGTERM: what runs is told to stop, and then so do we."""

import signal
from types import FrameType

from beeyard.process import LocalRunner


def pass_on(runner: LocalRunner) -> None:
    """From now on, an interrupt ends the runner's processes and raises KeyboardInterrupt."""

    def handle(number: int, frame: FrameType | None) -> None:
        runner.interrupt()
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)
