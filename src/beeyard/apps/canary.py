"""A canary's figures: its share of the requests, its tasks, and whether it is as good as the rest.

Everything here is pure; `apps.canary_labels` says it to Traefik.
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from beeyard.apps.traffic import Traffic
from beeyard.errors import AppError

# Finer shares would need so many requests to be judged that nobody waits for them.
_FINEST = 1000
# Where more of the stable side's requests fail, something else is broken.
_MEASURE = 0.5
_SHARE = re.compile(r"(?P<number>\d+(?:\.\d*)?|\.\d+)\s*(?P<percent>%?)")

Verdict = Literal["promote", "abort", "wait"]


@dataclass(frozen=True)
class Limits:
    """What a canary may be worse by.

    requests  how many of each side's it takes before anything is said for the canary
    failing   by how much its share of failed requests may exceed the stable side's
    slower    how many times the stable side's 95th percentile its own may be
    floor     seconds that it may be slower by in any case: what is fast may well be twice as slow
    """

    requests: int = 100
    failing: float = 0.01
    slower: float = 1.5
    floor: float = 0.05


USUAL = Limits()


@dataclass(frozen=True)
class Judgement:
    """What to do with a canary, and why, in words.

    `promote` is the verdict on what was seen so far: whoever watches waits for the stated time.
    """

    verdict: Verdict
    reason: str


def parse_share(text: str) -> float:
    """`10%` or `0.1` as a share between 0 and 1, both excluded. Raises AppError for another."""
    match = _SHARE.fullmatch(text.strip())
    share = Fraction(match["number"]) / (100 if match["percent"] else 1) if match else None
    if share is None or not Fraction(1, _FINEST) <= share <= 1 - Fraction(1, _FINEST):
        raise AppError(
            f"`{text}` is no share of the requests",
            why="a canary gets at least 0.1% of them, and leaves at least 0.1% to the others",
            fix="write it as 10% or as 0.1",
        )
    return float(share)


def weights(share: float, old_tasks: int, new_tasks: int) -> tuple[int, int]:
    """What a task of the old release weighs, and one of the new, so that the new gets `share`.

    Both are whole and as small as they can be: Traefik's weights are integers, and one of 0 gets
    no request. Source: Traefik 3, `loadbalancer.server.weight`; weighted round robin.
    """
    exact = _exact(share)
    ratio = (exact * old_tasks) / ((1 - exact) * new_tasks)
    return ratio.denominator, ratio.numerator


def canary_replicas(share: float, wanted: int) -> int:
    """How many of `wanted` tasks the share is work for, at least one."""
    return max(1, math.ceil(_exact(share) * wanted))


def judge(stable: Traffic, canary: Traffic, limits: Limits = USUAL) -> Judgement:
    """Whether the canary is as good as the stable side.

    `abort` comes as soon as the canary's failures are too many even if all the rest of
    `limits.requests` succeeded; `promote`, and `abort` for being slow, only with as many requests
    on both sides.
    """
    allowed = _failing(stable) + limits.failing
    if canary.failed > allowed * max(canary.requests, limits.requests):
        return Judgement(
            "abort",
            f"{_failed(canary)}, against {_failed(stable)} on the stable side; "
            f"allowed is {limits.failing:.1%} more{_because(canary)}",
        )
    few = min(stable.requests, canary.requests)
    if few < limits.requests:
        side = "the canary" if canary.requests == few else "the stable side"
        return Judgement("wait", f"{side} was asked {few} of {limits.requests} times so far")
    if _failing(stable) > _MEASURE or stable.p95 is None or canary.p95 is None:
        return Judgement("wait", f"the stable side is no measure: {_failed(stable)}")
    before, now = stable.p95, canary.p95
    bearable = before * limits.slower + limits.floor
    if now > bearable:
        return Judgement(
            "abort",
            f"95% of its answers took up to {_ms(now)}, against {_ms(before)} on the stable side; "
            f"allowed is {_ms(bearable)}",
        )
    return Judgement(
        "promote",
        f"{_failed(canary)} and 95% of its answers took up to {_ms(now)}; "
        f"on the stable side {_failed(stable)}, and up to {_ms(before)}",
    )


def _exact(share: float) -> Fraction:
    return Fraction(share).limit_denominator(_FINEST)


def _failing(traffic: Traffic) -> float:
    return traffic.failed / traffic.requests if traffic.requests else 0.0


def _failed(traffic: Traffic) -> str:
    return f"{traffic.failed} of {traffic.requests} requests failed ({_failing(traffic):.1%})"


def _because(traffic: Traffic) -> str:
    return f": {'; '.join(traffic.reasons)}" if traffic.reasons else ""


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
