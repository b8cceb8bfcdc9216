"""Sessions of people who signed in with a password on a page.

They are kept in memory only: random words that say nothing, and end with the copy of the controller
that gave them. So there is no key that could sign sessions, none is written down, and one that was
ended is ended. People sign in again when the controller has moved; tokens go on.
"""

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from beeyard.controller.account_records import UserSet
from beeyard.controller.accounts import Accounts, Identity
from beeyard.controller.throttle import Throttle
from beeyard.errors import BeeyardError
from beeyard.secret import Secret
from beeyard.waiting import Clock

#: Seconds after which a session ends that is not used; and that is.
IDLE, LONGEST = 3600.0, 12 * 3600.0
#: How many there are at most: of one user, and of all.
MOST_OF_ONE, MOST = 20, 5000


class SignInFailed(BeeyardError):
    """There is no user of this name and password."""


@dataclass(frozen=True)
class Session:
    """A session that was just begun. `word` goes into a cookie that scripts can't read; `csrf` into
    the page, which shows it with every request that changes something."""

    user: UserSet
    word: Secret
    csrf: Secret


@dataclass
class _Kept:
    user: str
    changed: datetime
    csrf: str
    begun: float
    used: float


class Sessions:
    """All sessions. Safe for use by several threads."""

    def __init__(self, accounts: Accounts, throttle: Throttle, clock: Clock) -> None:
        self._accounts = accounts
        self._throttle = throttle
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._one = threading.Lock()

    def sign_in(self, name: str, password: Secret, address: str) -> Session:
        """A new session. `address` is whom the request came from. It takes its time.

        Raises SignInFailed, TooManyTries, Busy, and what writing a record raises.
        """
        self._throttle.begin(name, address)
        user = self._accounts.by_password(name, password)
        if user is None:
            raise SignInFailed("there is no such user, or the password is another")
        self._throttle.succeeded(name, address)
        return self._begin(user)

    def identity(self, word: Secret) -> Identity | None:
        """Who a session is of, with the role that they have now; None if it has ended."""
        with self._one:
            kept = self._live(word)
            user = self._accounts.user(kept.user) if kept else None
            return Identity(user.name, user.role) if user else None

    def csrf_matches(self, word: Secret, shown: Secret) -> bool:
        """Whether a request that changes something shows the CSRF token of its session."""
        with self._one:
            kept = self._live(word)
            return kept is not None and hmac.compare_digest(kept.csrf, _digest(shown))

    def end(self, word: Secret) -> None:
        """Sign out. One that has ended already stays so."""
        with self._one:
            self._kept.pop(_digest(word), None)

    def _begin(self, user: UserSet) -> Session:
        word, csrf = (Secret(secrets.token_urlsafe(32)) for _ in range(2))
        now = self._clock.monotonic()
        with self._one:
            self._kept[_digest(word)] = _Kept(user.name, user.changed, _digest(csrf), now, now)
            self._drop(lambda kept: kept.user == user.name, MOST_OF_ONE)
            self._drop(lambda _: True, MOST)
        return Session(user, word, csrf)

    def _live(self, word: Secret) -> _Kept | None:
        key, now = _digest(word), self._clock.monotonic()
        kept = self._kept.get(key)
        if kept is None:
            return None
        user = self._accounts.user(kept.user)
        good = user is not None and user.changed == kept.changed
        if not good or now - kept.used > IDLE or now - kept.begun > LONGEST:
            del self._kept[key]
            return None
        kept.used = now
        return kept

    def _drop(self, which: Callable[[_Kept], bool], most: int) -> None:
        """Of those, end the ones that were begun first and are too many."""
        found = [key for key, kept in self._kept.items() if which(kept)]
        for key in found[: max(0, len(found) - most)]:
            del self._kept[key]


def _digest(word: Secret) -> str:
    return hashlib.sha256(word.reveal().encode(errors="surrogatepass")).hexdigest()
