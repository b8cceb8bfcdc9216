"""Who is at work on something that one may change at a time, and whether they still are."""

import getpass
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self, TypeVar

from beeyard.waiting import Clock


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock: whose it is, where, since when, and for what."""

    who: str
    host: str
    boot: str
    pid: int
    started: str
    since: str
    doing: str

    @classmethod
    def me(cls, doing: str) -> Self:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        pid = os.getpid()
        return cls(user(), platform.node(), _boot(), pid, started(pid), now, doing)

    def is_gone(self) -> bool:
        """Whether it was a process of this machine that is no more. False: nobody knows."""
        here = self.host == platform.node() and self.boot == _boot()
        return here and self.started != started(self.pid)

    def __str__(self) -> str:
        return f"{self.who} on {self.host} (process {self.pid}), since {self.since}: {self.doing}"


class Seen(Protocol):
    """A lock as somebody found it: whose it is, and a mark that each sign of life changes."""

    @property
    def holder(self) -> Holder: ...

    @property
    def mark(self) -> object: ...


S = TypeVar("S", bound=Seen)


def await_gone(
    look: Callable[[], S | None],
    held: Callable[[Holder], Exception],
    *,
    clock: Clock,
    say: Callable[[str], None],
    patience: float,
    poll: float,
) -> S | None:
    """The lock whose holder is gone; None where it is free by now. Raises what `held` makes of a
    holder that lives.

    look      finds it, None where nobody holds it
    patience  seconds without a sign of life after which a holder elsewhere is taken to be gone;
              `poll`: between two looks
    """
    found = look()
    if found is None:
        return None
    start = clock.monotonic()
    if not found.holder.is_gone():
        say(f"waiting to see whether it lives: {found.holder}")
    while not found.holder.is_gone() and clock.monotonic() - start < patience:
        clock.sleep(poll)
        now = look()
        if now is None:
            return None
        if now.mark != found.mark:
            raise held(now.holder)
    return found


def user() -> str:
    """Who runs this, by name; by number where there is none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())


def _boot() -> str:
    """Tells one start of this machine from another, and among its containers one from another;
    empty where it does not say."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def started(pid: int) -> str:
    """When a process of this machine started, so that its number used again is no mistake; empty if
    there is none. Source: proc(5), `/proc/pid/stat`, field 22."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
