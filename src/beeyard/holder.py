"""Who is at work on something that one may change at a time, and whether they still are."""

import getpass
import hashlib
import os
import platform
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, Self, TypeVar

from beeyard.private import write_private
from beeyard.waiting import Clock

#: The namespace of processes that are in no container: linux/proc_ns.h, PROC_PID_INIT_INO.
_NO_CONTAINER = "pid:[4026531836]"
_KERNEL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: Of how many starts of the machine a word is kept.
_STARTS = 20


@dataclass(frozen=True)
class Holder:
    """A process that holds a lock: whose it is, where, since when, and for what.

    `boot`: which start of which machine it is a process of, in words of `_boot`.
    """

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
        if self.host != platform.node():
            return False
        kernel, where, machine = _words(self.boot)
        now, here, _ = _words(_boot())
        if (kernel, where) == (now, here):
            return self.started != started(self.pid)
        # All that ran before this machine was started again has ended.
        again = kernel != now and where == here == _NO_CONTAINER
        return again and machine != "" and machine == _machine(kernel)

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
    empty where it does not say. In words: the kernel's start, the namespace of processes, and,
    where that is no container's, what tells the machine itself."""
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        where = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
    machine = _machine(kernel, make=True) if where == _NO_CONTAINER else ""
    return f"{kernel} {where} {machine}".strip()


def _words(boot: str) -> tuple[str, str, str]:
    kernel, where, machine, *_ = [*boot.split(), "", "", ""]
    return kernel, where, machine


def _machine(kernel: str, *, make: bool = False) -> str:
    """What only the machine can say that was started like this, later as well; empty: it is not
    this one, or nobody knows.

    Neither a machine's name nor its ID is its alone: copies of one image have both in common. So it
    keeps a word of each start on its disk, with `make`, which no other disk has.
    """
    if not _KERNEL.fullmatch(kernel):
        return ""
    # Not before it is needed: the controller's image, which is a container's, does not hold it.
    import platformdirs  # noqa: PLC0415

    starts = platformdirs.user_state_path("beeyard") / "starts"
    try:
        if make and not (starts / kernel).exists():
            write_private(starts / kernel, secrets.token_hex(16).encode())
            for old in sorted(starts.iterdir(), key=lambda one: one.stat().st_mtime)[:-_STARTS]:
                old.unlink(missing_ok=True)
        word = (starts / kernel).read_text()
        # Homes may be on a disk that machines share; their systems are not.
        machine = Path("/etc/machine-id").read_text()
    except OSError:
        return ""
    return hashlib.sha256(f"{machine}{word}".encode()).hexdigest()


def started(pid: int) -> str:
    """When a process of this machine started, so that its number used again is no mistake; empty if
    there is none. Source: proc(5), `/proc/pid/stat`, field 22."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]
