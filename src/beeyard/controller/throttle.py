"""Who fails often has to wait: counted for whom and from where, in bounded memory."""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from beeyard.errors import BeeyardError
from beeyard.waiting import Clock


@dataclass(frozen=True)
class Rule:
    """`free` attempts may fail; after each further one the wait doubles, from 1 s up to `longest`
    (seconds)."""

    free: int
    longest: float


#: A user's name may be anybody's to try: whoever keeps failing must not be able to lock its owner
#: out for long. An address can wait.
USER, ADDRESS = Rule(5, 30.0), Rule(20, 900.0)
#: Seconds without an attempt after which what failed is forgotten.
FORGOTTEN = 3600.0


class TooManyTries(BeeyardError):
    """`wait` is for how many seconds nothing is tried."""

    def __init__(self, wait: float) -> None:
        super().__init__(
            "too many attempts to sign in have failed", fix=f"try again in {wait:.0f} s"
        )
        self.wait = wait


@dataclass
class _Tries:
    failed: int = 0
    until: float = 0.0
    last: float = 0.0


class Throttle:
    """Remembers at most `most` names and addresses; those that were tried longest ago go first."""

    def __init__(self, clock: Clock, most: int = 10_000) -> None:
        self._clock = clock
        self._most = most
        self._tries: OrderedDict[tuple[str, str], _Tries] = OrderedDict()
        self._one = threading.Lock()

    def begin(self, user: str, address: str) -> None:
        """Before an attempt, which counts as failed until it has succeeded: so many at once gain
        nothing. Raises TooManyTries, and then the attempt is not counted."""
        now = self._clock.monotonic()
        with self._one:
            found = [(key, rule, self._at(key, now)) for key, rule in _keys(user, address)]
            wait = max(tries.until - now for _, _, tries in found)
            if wait > 0:
                raise TooManyTries(wait)
            for key, rule, tries in found:
                tries.failed += 1
                over = tries.failed - rule.free
                pause = min(rule.longest, 2.0 ** min(over, 20)) if over >= 0 else 0.0
                tries.until, tries.last = now + pause, now
                self._tries[key] = tries
                self._tries.move_to_end(key)
            while len(self._tries) > self._most:
                self._tries.popitem(last=False)

    def succeeded(self, user: str, address: str) -> None:
        """The attempt did not fail. What failed for this user is forgotten; what failed from this
        address stays, or who has one account could try others for ever."""
        with self._one:
            for (key, rule), is_user in zip(_keys(user, address), (True, False), strict=True):
                tries = self._tries.get(key)
                if tries is None:
                    continue
                tries.failed = 0 if is_user else max(0, tries.failed - 1)
                if tries.failed <= rule.free:
                    tries.until = 0.0

    def _at(self, key: tuple[str, str], now: float) -> _Tries:
        """What is remembered. What nobody tried for long counts as new."""
        tries = self._tries.get(key)
        return _Tries() if tries is None or now - tries.last > FORGOTTEN else tries


def _keys(user: str, address: str) -> Iterable[tuple[tuple[str, str], Rule]]:
    return ((("user", user[:100]), USER), (("address", _network(address)), ADDRESS))


def _network(address: str) -> str:
    """Whoever has one IPv6 address has the /64 that it is in."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:100]
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False))
