"""Passwords as hashes: Argon2id."""

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from beeyard.errors import BeeyardError
from beeyard.secret import Secret

#: Passes, KiB of memory, and lanes: the second of the two sets that RFC 9106, section 4 recommends,
#: for where 2 GiB a hash are too much. Measured on two cores of a virtual machine: 0.1 s a hash.
PASSES, MEMORY, LANES = 3, 64 * 1024, 4
#: Characters that a password must have, and may.
SHORTEST, LONGEST = 12, 1000
#: Seconds for which a check waits for those before it. One at a time: each takes `MEMORY`.
_PATIENCE = 10.0
#: How many may wait for a thread: as many as get one within that time.
_WAITING = 100

T = TypeVar("T")


class Busy(BeeyardError):
    """Too many passwords are being checked."""


class PasswordThreads:
    """Threads of their own for what makes or checks hashes: others would wait for theirs in vain
    where somebody tries many passwords. For use on one event loop."""

    def __init__(self, waiting: int = _WAITING) -> None:
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        self._most, self._waiting = waiting, 0

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` gives. Raises Busy, and what it raises."""
        if self._waiting >= self._most:
            raise _busy()
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, call)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Passwords:
    """Makes and checks hashes; slow on purpose. Safe for use by several threads."""

    def __init__(self, passes: int = PASSES, memory: int = MEMORY, lanes: int = LANES) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory, parallelism=lanes)
        self._turn = threading.Lock()
        self._nobodys = self.hash(Secret(secrets.token_hex()))

    def hash(self, password: Secret) -> str:
        """The hash, with its parameters and a salt of its own. Raises Busy."""
        with self._one_at_a_time():
            return self._hasher.hash(_bytes(password))

    def matches(self, password: Secret, kept: str) -> bool:
        """Whether `kept` is a hash of the password. It takes its time also where `kept` is empty:
        nobody can tell users that are not there from wrong passwords. Raises Busy."""
        with self._one_at_a_time():
            try:
                self._hasher.verify(kept or self._nobodys, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
        return bool(kept)

    def is_outdated(self, kept: str) -> bool:
        """Whether a hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(kept)

    def _one_at_a_time(self) -> "_Turn":
        return _Turn(self._turn)


def _busy() -> Busy:
    return Busy("too many people sign in at once", fix="try again in a minute")


def _bytes(password: Secret) -> bytes:
    return password.reveal().encode(errors="surrogatepass")


class _Turn:
    """A lock that is not waited for without end."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=_PATIENCE):
            raise _busy()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
