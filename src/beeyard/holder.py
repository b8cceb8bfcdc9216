"""Who is at work on something that one may change at a time, and whether they still are."""

import getpass
import os
import platform
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self


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
