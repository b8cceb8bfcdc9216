"""What an application's users would see meanwhile: requests sent at a steady rate, and counted.

The rate does not depend on the answers (an open loop): an application that stands still is seen as
requests that take long, not as few requests.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from beeyard.apps.probe import PATIENCE, Asker, ProbeResult, ask
from beeyard.apps.urls import AppUrl

#: Requests a second, to each address of the application.
RATE = 10.0
_WORKERS = 8
_POLL = 0.1
_HUNG = f"no answer within {PATIENCE:g} s"
_KEPT_REASONS = 3


@dataclass(frozen=True)
class Traffic:
    """Requests of a time, and how they went. Latencies in seconds, of those that were answered.

    `reasons`: why the first few failed.
    """

    requests: int = 0
    failed: int = 0
    p50: float | None = None
    p95: float | None = None
    slowest: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sample:
    """One request: when it was due (by `time.monotonic`), how long its answer took from then."""

    due: float
    seconds: float
    problem: str | None


def summarised(samples: Sequence[Sample]) -> Traffic:
    """Samples in figures."""
    good = sorted(sample.seconds for sample in samples if sample.problem is None)
    reasons = dict.fromkeys(sample.problem for sample in samples if sample.problem)
    return Traffic(
        requests=len(samples),
        failed=len(samples) - len(good),
        p50=percentile(good, 0.50),
        p95=percentile(good, 0.95),
        slowest=good[-1] if good else None,
        reasons=tuple(reasons)[:_KEPT_REASONS],
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of the ordered values do not exceed; None of nothing."""
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else None


@dataclass
class Prober:
    """Asks `urls` at `address` from its entry to its exit, RATE times a second each.

    `headers` go with every request. `failed` may be asked at any time; `traffic` gives the figures
    between two moments.
    """

    urls: Sequence[AppUrl]
    address: str
    ca_pem: str | None
    rate: float = RATE
    headers: Mapping[str, str] = field(default_factory=dict)
    _samples: list[Sample] = field(default_factory=list, init=False)
    _due: list[float] = field(default_factory=list, init=False)
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _threads: list[threading.Thread] = field(default_factory=list, init=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False)

    def __enter__(self) -> Self:
        for url in self.urls:
            asker = self._open.enter_context(
                Asker(url.url, self.address, url.port, self.ca_pem, headers=self.headers)
            )
            thread = threading.Thread(
                target=self._ask, args=(asker,), name=f"probe {url.url}", daemon=True
            )
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._open.close()

    def traffic(self, start: float = 0.0, end: float = math.inf) -> Traffic:
        """What was due between two moments of `time.monotonic`.

        What has had no answer for longer than the probe is patient has failed.
        """
        late = time.monotonic() - PATIENCE
        answered = list(self._samples)
        waiting = Counter(list(self._due)) - Counter(one.due for one in answered)
        hung = [Sample(due, PATIENCE, _HUNG) for due in waiting.elements() if due < late]
        return summarised([one for one in (*answered, *hung) if start <= one.due < end])

    def await_answers(self) -> None:
        """Wait until all that is due by now is answered, or has failed for want of an answer."""
        now = time.monotonic()
        while time.monotonic() - now <= PATIENCE:
            waiting = Counter(list(self._due)) - Counter(one.due for one in list(self._samples))
            if not any(due <= now for due in waiting):
                return
            time.sleep(_POLL)

    def _ask(self, asker: Asker) -> None:
        due = time.monotonic()
        with ThreadPoolExecutor(_WORKERS) as pool:
            while not self._stop.wait(max(0.0, due - time.monotonic())):
                self._due.append(due)
                pool.submit(self._once, asker, due)
                due += 1 / self.rate

    def _once(self, asker: Asker, due: float) -> None:
        if self._stop.is_set():
            self._due.remove(due)
            return
        result: ProbeResult = ask(asker)
        self._samples.append(Sample(due, time.monotonic() - due, result.problem))
