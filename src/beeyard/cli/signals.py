"""Ctrl-C and SIGTERM: what runs is told to stop, and then so do we."""

import contextlib
import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from beeyard.errors import Interrupted
from beeyard.process import Command, Completed, LineHandler, LocalRunner

_GO_ON = "run it again to go on from here"


class Stopped(BaseException):
    """Somebody wants us to stop. No Exception: libraries take those for failures of their own."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.by = "you" if number == signal.SIGINT else signal.Signals(number).name

    def in_words(self) -> Interrupted:
        """The error to show, with what became of that which was stopped."""
        notes = getattr(self, "__notes__", ())
        why = "\n".join(notes) or None
        return Interrupted(f"stopped by {self.by}", why=why, fix=None if notes else _GO_ON)


class StoppableRunner(LocalRunner):
    """Runs on this machine until it is interrupted; can wait for the end of all that it runs."""

    def __init__(self) -> None:
        super().__init__()
        self._changed = threading.Condition()
        self._running: set[object] = set()
        self._interrupted = False

    def run(
        self, command: Command, *, check: bool = True, on_line: LineHandler | None = None
    ) -> Completed:
        # The main thread cleans up; what others are in the middle of ends with this step.
        if self._interrupted and threading.current_thread() is not threading.main_thread():
            raise Interrupted(f"`{command}` was not begun", fix=_GO_ON)
        this = object()
        try:
            with self._changed:
                self._running.add(this)
            return super().run(command, check=check, on_line=on_line)
        finally:
            with self._changed:
                self._running.discard(this)
                self._changed.notify_all()

    def interrupt(self) -> None:
        """Pass Ctrl-C on to all that runs, and begin nothing more. For a signal's handler."""
        self._interrupted = True
        # In a thread: the one that the signal came to may hold the lock that this needs.
        threading.Thread(target=self._tell_all, daemon=True).start()

    def _tell_all(self) -> None:
        """Interrupt each process once: Terraform takes a second time for leave to lose its state.

        One that another thread was just starting is known a moment later.
        """
        told: set[int] = set()
        with self._changed:
            while self._running:
                with self._lock:
                    new = {process.pid for process in self._processes} - told
                for pid in new:
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(pid, signal.SIGINT)
                told |= new
                self._changed.wait(0.1)

    def await_end(self) -> None:
        """Return when nothing runs any more: Terraform, told to stop, saves its state first."""
        with self._changed:
            self._changed.wait_for(lambda: not self._running)


def pass_on(runner: StoppableRunner | None = None) -> None:
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


def stop_silently() -> None:
    """From now on, an interrupt raises Stopped and says nothing: it is the way to end."""

    def handle(number: int, _frame: FrameType | None) -> None:
        raise Stopped(number)

    signal.signal(signal.SIGINT, handle)
    signal.signal(signal.SIGTERM, handle)


def leave(code: int) -> NoReturn:
    """End with that exit code; once stopped, whatever threads are still at."""
    if code == Interrupted.exit_code and threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    sys.exit(code)
