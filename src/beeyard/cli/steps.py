"""How a pipeline's run is shown: each line of output after its step, and a table at the end."""

import threading
from collections.abc import Iterator
from typing import TextIO

import typer
from rich.console import Console
from rich.text import Text

from beeyard.cli.tables import Row, table
from beeyard.pipelines.outcome import Result, State, StepEvent

_COLOURS = ("cyan", "magenta", "blue", "yellow", "green", "bright_cyan", "bright_magenta")
_BY_STATE: dict[State, str] = {
    "success": "green",
    "failure": "red",
    "error": "red",
    "killed": "yellow",
    "skipped": "dim",
}
# A line may have no end; what is shown of it at a time.
_LONGEST = 64 * 1024


class Screen:
    """Shows what steps write, line by line. For several threads."""

    def __init__(self, stream: TextIO, *, coloured: bool) -> None:
        self._stream = stream
        self._coloured = coloured
        self._lock = threading.Lock()
        self._steps: list[str] = []

    def open_log(self, step: str) -> "StepLines":
        """A sink for a step's output."""
        colour = _COLOURS[len(self._steps) % len(_COLOURS)]
        self._steps.append(step)
        return StepLines(self, step, colour if self._coloured else None)

    def show(self, text: str) -> None:
        with self._lock:
            self._stream.write(text)
            self._stream.flush()


class StepLines:
    """A sink that shows each line after the step's name and its number, as `drone exec` does.

    Source: docs.drone.io, "Command Line Runner", "Usage".
    """

    def __init__(self, screen: Screen, step: str, colour: str | None) -> None:
        self._screen = screen
        self._step = step
        self._colour = colour
        self._count = 0
        self._rest = b""

    def write(self, chunk: bytes) -> None:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > _LONGEST:
            lines.append(self._rest)
            self._rest = b""
        self._screen.show("".join(self._shown(lines)))

    def close(self) -> None:
        if self._rest:
            self._screen.show("".join(self._shown([self._rest])))

    def _shown(self, lines: list[bytes]) -> Iterator[str]:
        for line in lines:
            self._count += 1
            prefix = f"[{self._step}:{self._count}]"
            styled = typer.style(prefix, fg=self._colour) if self._colour else prefix
            text = line.decode(errors="replace").rstrip("\r")
            yield f"{styled} {text}\n"


def show_result(console: Console, result: Result) -> None:
    """Print what became of each step, in a table."""
    columns = ("step", "state", "exit code", "seconds", "")
    table(console, columns, [_row(step) for step in result.steps])
    console.print()


def coloured(stream: TextIO) -> bool:
    """Whether a stream is a terminal that takes colours, and nobody asked for none (NO_COLOR)."""
    console = Console(file=stream)
    return console.is_terminal and not console.no_color and console.color_system is not None


def _row(step: StepEvent) -> Row:
    seconds = f"{step.stopped - step.started:.1f}" if step.started else "-"
    code = "-" if step.exit_code is None else str(step.exit_code)
    state = Text(step.state, style=_BY_STATE.get(step.state, ""))
    return step.step, state, code, seconds, step.reason
