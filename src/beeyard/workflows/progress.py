"""Progress as events: workflows tell, whoever called them shows."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

State = Literal["started", "said", "done", "failed"]


@dataclass(frozen=True)
class Event:
    """Something happened in a phase. `seconds` is how long the phase has taken, at its end."""

    phase: str
    state: State
    text: str = ""
    seconds: float | None = None


Listener = Callable[[Event], None]


def in_a_line(event: Event) -> str:
    """An event as a line of text, for where nothing can be drawn."""
    return {
        "started": f"{event.phase} …",
        "said": f"  {event.text}",
        "done": f"{event.phase}: {event.text or 'done'} ({event.seconds or 0:.1f} s)",
        "failed": f"{event.phase}: failed after {event.seconds or 0:.1f} s",
    }[event.state]


@dataclass
class Phase:
    """One phase at work: `say` tells what it is doing, `result` is the word at its end."""

    name: str
    listener: Listener
    result: str = ""

    def say(self, text: str) -> None:
        self.listener(Event(self.name, "said", text))


@dataclass
class Progress:
    """Opens phases one after another, and remembers how long each took (seconds)."""

    listener: Listener
    seconds: dict[str, float] = field(default_factory=dict)
    _gate: Callable[[], None] | None = field(default=None, init=False)

    @contextmanager
    def gated(self, gate: Callable[[], None]) -> Iterator[None]:
        """No phase begins within without `gate`, which raises where none may."""
        self._gate = gate
        try:
            yield
        finally:
            self._gate = None

    @contextmanager
    def phase(self, name: str) -> Iterator[Phase]:
        """A phase from its start to its end, which may be a failure."""
        if self._gate is not None:
            self._gate()
        started = time.monotonic()
        phase = Phase(name, self.listener)
        self.listener(Event(name, "started"))
        try:
            yield phase
        except BaseException:
            self.listener(Event(name, "failed", seconds=time.monotonic() - started))
            raise
        self.seconds[name] = time.monotonic() - started
        self.listener(Event(name, "done", phase.result, self.seconds[name]))
