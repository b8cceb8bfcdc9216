"""What passes between the generator of load and those who look at it afterwards."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ingress:
    """Where the load goes: TLS to `address`:`port`, where a certificate for `host` is shown that
    `ca` (a PEM file) has signed."""

    address: str
    port: int
    host: str
    ca: Path


@dataclass(frozen=True)
class Exchange:
    """One request and what came of it. Times are seconds of the machine's monotonic clock, which
    all its processes share.

    id         of a POST, unique; empty: a GET
    takes      seconds that the application was asked to take for it
    scheduled  when it was due: what a user has waited for counts from here
    sent       when it went out; None if it never did
    done       when the answer was there, or when it was given up
    status     of the answer; None without one
    error      why there was none; empty with one
    """

    id: str
    takes: float
    scheduled: float
    sent: float | None
    done: float
    status: int | None
    error: str = ""

    @property
    def latency(self) -> float:
        """Seconds from when it was due, beyond those that it was to take."""
        return self.done - self.scheduled - self.takes

    @property
    def failed(self) -> bool:
        """Whether it was not answered as the application answers."""
        return self.status != (201 if self.id else 200)

    @property
    def reason(self) -> str:
        """What was wrong, in words."""
        kind = f"{'POST' if self.id else 'GET'}{f' of {self.takes:g} s' if self.takes else ''}"
        return f"{kind}: {self.error or f'status {self.status}'}"


def write(exchanges: Iterable[Exchange], file: Path) -> None:
    """Write one line for each."""
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(
            (one.id, one.takes, one.scheduled, one.sent, one.done, one.status, one.error)
            for one in exchanges
        )


def read(file: Path) -> tuple[Exchange, ...]:
    """What `write` wrote, in the order in which they were due."""
    with file.open(encoding="utf-8", newline="") as stream:
        found = [_exchange(*row) for row in csv.reader(stream)]
    return tuple(sorted(found, key=lambda one: one.scheduled))


def _exchange(
    entry: str, takes: str, scheduled: str, sent: str, done: str, status: str, error: str
) -> Exchange:
    return Exchange(
        entry,
        float(takes),
        float(scheduled),
        float(sent) if sent else None,
        float(done),
        int(status) if status else None,
        error,
    )
