"""Who may work on a node at the same time as who else. All locks end with the process."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from words import Failed, say

#: Root's alone: the scratch server lets in whoever reaches its socket.
RUN = Path("/run/beeyard-backup")
#: Seconds until another word is said: one whose connection was cut ends by that.
_WORD = 30.0


@contextmanager
def alone(kind: str) -> Iterator[None]:
    """The scratch place of a kind for oneself. Raises Failed where another run is at it."""
    with _locked(f"{kind}.lock", fcntl.LOCK_EX) as has_it:
        if not has_it():
            raise Failed("another backup is being verified on this node: wait for its end")
        yield


def taking(kind: str, wait: float) -> AbstractContextManager[None]:
    """While a backup is taken: others may be taken as well, and nothing is put back. Waits so many
    seconds for the end of a restore; then raises Failed."""
    why = f"a restore of {kind} goes on on this node"
    return _in_turn(f"{kind}-data.lock", fcntl.LOCK_SH, why, wait)


def restoring(kind: str, wait: float) -> AbstractContextManager[None]:
    """While a backup is put back: none is taken, and no other is put back. Waits so many seconds
    for the end of those that are; then raises Failed."""
    why = f"a backup of {kind} is being taken, or put back, on this node"
    return _in_turn(f"{kind}-data.lock", fcntl.LOCK_EX, why, wait)


def freezing() -> AbstractContextManager[None]:
    """While the engine stands still for us: who else lets his go on would let ours. It takes a few
    seconds at most, which are waited for; else raises Failed."""
    why = "the Swarm is being copied by another run on this node"
    return _in_turn("freeze.lock", fcntl.LOCK_EX, why, 60)


@contextmanager
def _in_turn(name: str, how: int, why: str, wait: float) -> Iterator[None]:
    with _locked(name, how) as has_it:
        _await(has_it, why, wait)
        yield


@contextmanager
def _locked(name: str, how: int) -> Iterator[Callable[[], bool]]:
    """Gives what tries to have the lock, and says whether it came to that."""
    RUN.mkdir(exist_ok=True)
    RUN.chmod(0o700)
    file = os.open(RUN / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def has_it() -> bool:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    try:
        yield has_it
    finally:
        os.close(file)


def _await(has_it: Callable[[], bool], why: str, wait: float) -> None:
    began = said = time.monotonic()
    if has_it():
        return
    say(f"{why}: waiting for its end")
    while not has_it():
        now = time.monotonic()
        if now - began >= wait:
            raise Failed(f"{why}, for more than {wait / 60:.0f} minutes: try again at its end")
        if now - said >= _WORD:
            said = now
            say(f"{why}: waiting for its end, for {now - began:.0f} s")
        time.sleep(min(0.2, wait))
