"""Password hashes: Argon2id with OWASP's parameters for small machines (19 MiB, 2 passes)."""

from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from timeoff.errors import RefusedError

MIN_LENGTH = 10
MAX_LENGTH = 200

_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
# Each hash takes 19 MiB: a burst of sign-ins must wait, not run the container out of memory.
_at_once = BoundedSemaphore(2)


def hash_password(password: str) -> str:
    """A salted hash to store. Raises RefusedError for one that is too short or too long."""
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise RefusedError(
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters.", field="password"
        )
    with _at_once:
        return _hasher.hash(password)


# Compared against when there is no such person, so that both answers take as long.
_nobody = hash_password("nobody has this password")


def verify_password(password: str, stored: str | None) -> bool:
    """Whether `password` is the one that `stored` was made from; False if `stored` is None."""
    with _at_once:
        try:
            _hasher.verify(stored if stored is not None else _nobody, password[:MAX_LENGTH])
        except (VerificationError, InvalidHashError):
            return False
    return stored is not None
