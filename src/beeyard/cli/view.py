"""How progress and results are shown: live on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner
from rich.text import Text

from beeyard.errors import Refused
from beeyard.workflows.progress import Event, Listener, in_a_line


def out() -> Console:
    """For results. Rich leaves colours out where NO_COLOR is set or no terminal is there."""
    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """For progress and errors."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def listening(*, live: bool) -> Iterator[Listener]:
    """A listener for workflows' events; `live` redraws in place and needs a terminal."""
    if not live:
        yield _Lines(err())
        return
    screen = _Screen()
    with screen.drawn():
        yield screen


def aside(listener: Listener) -> AbstractContextManager[None]:
    """While a question is asked: what redraws itself would draw over it, so it holds still."""
    return listener.held() if isinstance(listener, _Screen) else nullcontext()


def can_redraw() -> bool:
    """Whether standard error is a terminal that can be redrawn."""
    return err().is_terminal and not err().is_dumb_terminal


def confirm(question: str) -> None:
    """Ask on standard error. Raises Refused for a no, and where nobody can be asked."""
    if not sys.stdin.isatty():
        raise Refused("nobody is there to say yes", fix="run it on a terminal, or with --yes")
    if not typer.confirm(question, err=True):
        raise Refused("you said no; nothing was changed")


@dataclass
class _Lines:
    """One line for each event, with the seconds since the start."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, event: Event) -> None:
        clock = f"{time.monotonic() - self.started:6.1f}s"
        with self.lock:
            self.console.print(f"[dim]{clock}[/dim]  {escape(in_a_line(event))}")
            sys.stderr.flush()


@dataclass
class _Row:
    name: str
    started: float
    state: str = "started"
    text: str = ""
    seconds: float = 0.0


class _Screen:
    """A row for each phase; the one at work has a spinner, its last word and its age."""

    def __init__(self) -> None:
        self._rows: list[_Row] = []
        self._lock = threading.Lock()
        self._spinner = Spinner("dots")
        self._live = self._new_live()

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw, again and again, until the end; the last picture stays."""
        self._live.start()
        try:
            yield
        finally:
            self._live.stop()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Leave the picture as it is; go on below it afterwards, with what is at work."""
        self._live.stop()
        with self._lock:
            self._rows = [row for row in self._rows if row.state == "started"]
        try:
            yield
        finally:
            self._live = self._new_live()
            self._live.start()

    def _new_live(self) -> Live:
        return Live(self, console=err(), refresh_per_second=8)

    def __call__(self, event: Event) -> None:
        with self._lock:
            if event.state == "started":
                self._rows.append(_Row(event.phase, time.monotonic()))
                return
            row = next(row for row in reversed(self._rows) if row.name == event.phase)
            if event.state == "said":
                row.text = event.text
                return
            row.state, row.seconds = event.state, event.seconds or 0.0
            if event.state == "done":
                row.text = event.text

    def __rich__(self) -> RenderableType:
        with self._lock:
            return Group(*(self._row(row) for row in self._rows))

    def _row(self, row: _Row) -> RenderableType:
        if row.state == "started":
            age = time.monotonic() - row.started
            self._spinner.update(text=Text.from_markup(_words(row, age)))
            return self._spinner.render(time.monotonic())
        mark = "[green]✓[/green]" if row.state == "done" else "[red]✗[/red]"
        return Text.from_markup(f"{mark} {_words(row, row.seconds)}")


def _words(row: _Row, seconds: float) -> str:
    text = row.text if len(row.text) <= 100 else row.text[:99] + "…"
    return f"[bold]{escape(row.name)}[/bold] [dim]{seconds:5.1f} s[/dim]  {escape(text)}"
