"""What the load met with, around something that was done meanwhile."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.load.exchange import Exchange

#: Connections are made, and the proxy opens its own, before anything counts as usual.
_SETTLING_SECONDS = 2.0


@dataclass(frozen=True)
class LoadResult:
    """Every exchange, and the span (monotonic seconds) in which the action went on."""

    exchanges: tuple[Exchange, ...]
    began: float
    ended: float

    @property
    def sent(self) -> int:
        """How many requests were due."""
        return len(self.exchanges)

    @property
    def failed(self) -> tuple[Exchange, ...]:
        """Those that were not answered as the application answers, in the order they were due."""
        return tuple(one for one in self.exchanges if one.failed)

    @property
    def reasons(self) -> str:
        """Why some failed, the most frequent first, and when the first and the last were due."""
        failed = self.failed
        if not failed:
            return ""
        counted = Counter(one.reason for one in failed).most_common(3)
        first, last = (one.scheduled - self.began for one in (failed[0], failed[-1]))
        said = ", ".join(f"{reason} ({count})" for reason, count in counted)
        return f"{said}; {first:.1f} to {last:.1f} s after the start"

    @property
    def posted(self) -> frozenset[str]:
        """IDs of all POSTs."""
        return frozenset(one.id for one in self.exchanges if one.id)

    @property
    def acknowledged(self) -> frozenset[str]:
        """IDs of the POSTs that were answered with 201."""
        return frozenset(one.id for one in self.exchanges if one.id and not one.failed)

    @property
    def before(self) -> Sequence[Exchange]:
        """What was due before the action, once the load had settled."""
        if not self.exchanges:
            return []
        return self.between(self.exchanges[0].scheduled + _SETTLING_SECONDS, self.began)

    @property
    def during(self) -> Sequence[Exchange]:
        """What was due while the action went on."""
        return self.between(self.began, self.ended)

    @property
    def slowest(self) -> float:
        """Seconds of the slowest answer."""
        return max((one.latency for one in self.exchanges if not one.failed), default=0.0)

    def between(self, first: float, last: float) -> Sequence[Exchange]:
        """What was due from `first` on and before `last`."""
        return [one for one in self.exchanges if first <= one.scheduled < last]


def percentile(exchanges: Sequence[Exchange], share: float) -> float:
    """Seconds in which that share of the answered was answered (nearest rank); NaN if none was."""
    ranked = sorted(one.latency for one in exchanges if not one.failed)
    return ranked[math.ceil(share * len(ranked)) - 1] if ranked else math.nan


def p99(exchanges: Sequence[Exchange]) -> float:
    """`percentile` of 0.99."""
    return percentile(exchanges, 0.99)
