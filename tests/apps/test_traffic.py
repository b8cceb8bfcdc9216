"""What users would see, counted at a real TLS server on this machine."""

import time
from collections.abc import Callable

import pytest

import beeyard.apps.traffic as traffics
from apps.sites import NAME, Site
from beeyard.apps import AppUrl, Prober, Traffic
from beeyard.apps.traffic import Sample, percentile, summarised
from beeyard.waiting import SystemClock, wait_until

RATE = 50.0


def probing(site: Site, **options: object) -> Prober:
    url = AppUrl(NAME, "/", site.port, "web", "web")
    return Prober([url], "127.0.0.1", site.root, rate=RATE, **options)  # type: ignore[arg-type]


def await_true(condition: Callable[[], bool]) -> None:
    wait_until(condition, clock=SystemClock(), deadline=20, interval=0.02)


@pytest.mark.parametrize(
    ("share", "value"), [(0.01, 1.0), (0.5, 50.0), (0.505, 51.0), (0.95, 95.0), (1.0, 100.0)]
)
def test_percentiles_of_a_hundred(share: float, value: float) -> None:
    assert percentile([float(number) for number in range(1, 101)], share) == value


def test_percentiles_of_little() -> None:
    assert percentile([], 0.5) is None
    assert percentile([7.0], 0.01) == percentile([7.0], 0.95) == 7.0
    assert percentile([1.0, 2.0], 0.5) == 1.0
    assert percentile([1.0, 2.0], 0.51) == 2.0


def test_figures_are_of_what_was_answered() -> None:
    samples = [Sample(0.0, seconds, None) for seconds in (0.3, 0.1, 0.2, 0.4)]
    samples += [Sample(0.0, 9.0, problem) for problem in ("a", "b", "a", "c", "d")]
    assert summarised(samples) == Traffic(9, 5, 0.2, 0.4, 0.4, ("a", "b", "c"))
    assert summarised(samples[4:]) == Traffic(5, 5, reasons=("a", "b", "c"))
    assert summarised([]) == Traffic()


def test_requests_come_at_a_rate(make_site: Callable[..., Site]) -> None:
    site = make_site()
    started = time.monotonic()
    with probing(site) as prober:
        await_true(lambda: prober.traffic().requests >= RATE)
        seconds = time.monotonic() - started
        seen = prober.traffic()
    assert seen.failed == 0
    assert 0 < seen.requests <= seconds * RATE + 1
    assert seen.p50 is not None
    assert seen.p50 < 0.5
    assert site.host == f"{NAME}:{site.port}"


def test_a_server_that_stands_still_is_seen_as_late_answers(make_site: Callable[..., Site]) -> None:
    """Requests go on being due; those that waited for a free hand waited, too."""
    site = make_site()
    with probing(site) as prober:
        await_true(lambda: prober.traffic().requests >= 10)
        site.answers.clear()
        stopped = time.monotonic()
        await_true(lambda: time.monotonic() > stopped + 1)
        answered = time.monotonic()
        site.answers.set()
        await_true(lambda: prober.traffic(start=answered).requests >= 10)
        still = prober.traffic(start=stopped, end=answered)
    assert still.failed == 0
    assert still.requests >= 0.9 * RATE
    assert still.slowest is not None
    assert still.p50 is not None
    assert still.slowest > 0.9
    assert still.p50 > 0.4, "half of them were due in the first half second"


def test_failures_are_counted_with_their_reasons_at_their_time(
    make_site: Callable[..., Site],
) -> None:
    site = make_site()
    with probing(site) as prober:
        await_true(lambda: prober.traffic().requests >= 10)
        site.status = 503
        await_true(lambda: prober.traffic().failed >= 10)
        site.status = 200
        well = time.monotonic() + 1 / RATE
        await_true(lambda: prober.traffic(start=well).requests >= 10)
        seen, after = prober.traffic(), prober.traffic(start=well)
    assert 10 <= seen.failed < seen.requests
    assert seen.reasons == ("it answers 503: no healthy task",)
    assert (after.failed, after.reasons) == (0, ())


def test_where_nothing_listens_every_request_fails(make_site: Callable[..., Site]) -> None:
    site = make_site()
    url = AppUrl(NAME, "/", 9, "web", "web")
    with Prober([url], "127.0.0.1", site.root, rate=RATE) as prober:
        await_true(lambda: prober.traffic().requests >= 5)
        seen = prober.traffic()
    assert seen.failed == seen.requests
    assert seen.p50 is None
    assert seen.reasons == ("connection refused: nothing listens at 127.0.0.1:9",)


def test_its_end_does_not_wait_for_what_was_not_sent_yet(make_site: Callable[..., Site]) -> None:
    site = make_site()
    site.answers.clear()
    with probing(site) as prober:
        start = time.monotonic()
        await_true(lambda: time.monotonic() > start + 1)
        prober._stop.set()
        site.answers.set()
    assert 1 <= site.asked <= 8, "as many as are asked at once; 50 were due"


def test_headers_and_every_address(make_site: Callable[..., Site]) -> None:
    site = make_site()
    urls = [AppUrl(NAME, path, site.port, "web", "web") for path in ("/a", "/b")]
    with Prober(urls, "127.0.0.1", site.root, rate=RATE, headers={"X-Probe": "1"}) as prober:
        await_true(lambda: {"/a", "/b"} <= {path for path, _ in site.seen})
        await_true(lambda: prober.traffic().requests >= 2)
    assert {header for _, header in site.seen} == {"1"}


def test_what_hangs_has_failed_once_the_probe_is_out_of_patience(
    make_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(traffics, "PATIENCE", 0.5)
    site = make_site()
    with probing(site) as prober:
        await_true(lambda: prober.traffic().requests >= 5)
        site.answers.clear()
        stopped = time.monotonic()
        try:
            await_true(lambda: time.monotonic() - stopped > 0.2)
            prober.await_answers()
            seen = prober.traffic(start=stopped)
        finally:
            site.answers.set()
    assert seen.failed >= 5
    assert "no answer within" in seen.reasons[0]
