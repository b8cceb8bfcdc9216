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
        os.write(
            sys.__stderr__.fileno() if sys.__stderr__ else 2,
            b"\nstopping; Ctrl-C once more does not wait for what runs\n",
        )
        if runner is not None:
            runner.interrupt()
        raise Stopped(number)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)


def await_threads() -> None:
    """Return when all that threads have begun has come to an end; Terraform saves its state then.

    Raises Stopped if somebody does not want to wait.
    """
    for thread in _others():
        thread.join()


def leave(code: int) -> NoReturn:
    """End with that exit code; once stopped, whatever threads are still at."""
    if code == Interrupted.exit_code and _others():
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _others() -> list[threading.Thread]:
    """The threads that Python would wait for at its end."""
    own = threading.current_thread()
    return [thread for thread in threading.enumerate() if thread is not own and not thread.daemon]
