"""How many requests per second this machine bears without being busy with them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from beeyard.errors import Refused
from bench.load.around import Load
from bench.load.exchange import Ingress

#: Of all processors together: the most that load may take, and what is aimed at.
MOST = 0.30
_AIM = 0.22
_PROBE_RATE = 100.0
_LEAST_RATE, _HIGHEST_RATE = 20, 400
_SECONDS = 10.0


@dataclass(frozen=True)
class Calibration:
    """The rate that was found (requests per second); how busy all processors together were (0 to 1)
    without any load, and at that rate."""

    rate: float
    idle: float
    loaded: float

    @property
    def share(self) -> float:
        """What the load takes: generator, proxy, application and database."""
        return self.loaded - self.idle


def calibrate(ingress: Ingress) -> Calibration:
    """Send a little, and reckon from it what may be sent; then see whether that is so.

    Raises Refused if the machine is busy with other things.
    """
    idle = _busy(lambda: time.sleep(_SECONDS))
    if idle > 0.5:
        raise Refused(
            "the machine is too busy to measure latencies on it",
            why=f"{idle:.0%} of its processors are in use without any load",
            fix="wait until nothing else runs on it",
        )
    probed = _under(Load(ingress, _PROBE_RATE))
    each = max((probed - idle) / _PROBE_RATE, 1e-6)
    rate = float(min(max(_LEAST_RATE, _AIM / each // 10 * 10), _HIGHEST_RATE))
    return Calibration(rate, idle, _under(Load(ingress, rate)))


def _under(load: Load) -> float:
    taken: list[float] = []
    load.around(lambda: taken.append(_busy(lambda: time.sleep(_SECONDS))))
    return taken[0]


def _busy(meanwhile: Callable[[], object]) -> float:
    """The share of processor time that was used meanwhile (/proc/stat, in proc(5))."""
    before = psutil.cpu_times()
    meanwhile()
    after = psutil.cpu_times()
    spent = [late - early for early, late in zip(before, after, strict=True)]
    # What guests use is in `user` as well: the first eight fields are all.
    named = dict(zip(before._fields, spent, strict=True))
    total = sum(spent[:8])
    return 1 - (named["idle"] + named["iowait"]) / total
