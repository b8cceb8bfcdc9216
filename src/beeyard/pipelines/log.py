"""What a step writes, on its way to whoever keeps or shows it."""

from typing import Protocol

from beeyard.pipelines.masking import Masks

_CUT = "\n[beeyard] more than {} was written: the rest is not kept\n"


class Sink(Protocol):
    """Takes a step's output. While `write` does not return, the step is held up."""

    def write(self, chunk: bytes) -> None: ...

    def close(self) -> None:
        """Nothing comes any more: what was held back is to be handed on."""
        ...


class Masked:
    """A sink that takes secrets out before it hands on to another."""

    def __init__(self, sink: Sink, masks: Masks) -> None:
        self._sink = sink
        self._masker = masks.masker()

    def write(self, chunk: bytes) -> None:
        if shown := self._masker.feed(chunk):
            self._sink.write(shown)

    def close(self) -> None:
        if shown := self._masker.end():
            self._sink.write(shown)
        self._sink.close()


class Log:
    """A sink that takes no more than it may, and that never fails.

    `problem` says why the output is not whole; empty: it is.
    """

    def __init__(self, sink: Sink, limit: int = 0) -> None:
        self._sink = sink
        self._limit = limit
        self._taken = 0
        self.problem = ""

    def write(self, chunk: bytes) -> None:
        """Hand it on; what is too much, or what the sink can't take, is dropped."""
        if self.problem:
            return
        room = self._limit - self._taken if self._limit else len(chunk)
        self._taken += len(chunk)
        self._hand_on(chunk[:room])
        if len(chunk) > room and not self.problem:
            self._hand_on(_CUT.format(in_units(self._limit)).encode())
            self.problem = f"its output was cut after {in_units(self._limit)}"

    def say(self, text: str) -> None:
        """A line of our own."""
        self.write(f"[beeyard] {text}\n".encode())

    def close(self) -> None:
        try:
            self._sink.close()
        except Exception as error:  # noqa: BLE001
            self._lost(error)

    def _hand_on(self, chunk: bytes) -> None:
        if chunk:
            try:
                self._sink.write(chunk)
            except Exception as error:  # noqa: BLE001 (a step does not fail for it)
                self._lost(error)

    def _lost(self, error: Exception) -> None:
        self.problem = f"its output could not be kept: {error}"


def in_units(count: int) -> str:
    """Bytes as people read them, such as `1.5 GiB`."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} bytes"
