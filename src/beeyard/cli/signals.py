"""Ctrl-C and SIGTERM: what runs is told to stop, and then so do we."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from beeyard.errors import Interrupted
from beeyard.process import LocalRunner


class Stopped(BaseException):
    """Somebody wants us to stop. No Exception: libraries take those for failures of their own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.by = "you" if number == signal.SIGINT else signal.Signals(number).name

    def in_words(self) -> Interrupted:
        """The error to show."""
        return Interrupted(f"stopped by {self.by}", fix="run it again to go on from here")


def pass_on(runner: LocalRunner | None = None) -> None:
    """From now on, an interrupt ends the runner's processes and raises Stopped."""

    def handle(number: int, _frame: FrameType | None) -> None:
        # Not by `print`: what was interrupted may hold the stream's lock.
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"\nstopping\n")
        if runner is not None:
            runner.interrupt()
        raise Stopped(number)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)


def leave(code: int) -> NoReturn:
    """End with that exit code; once stopped, without waiting for what threads still have begun."""
    if code == Interrupted.exit_code and threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
