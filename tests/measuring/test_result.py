"""What is reckoned from the exchanges, and from what the application has kept."""

import math
from pathlib import Path

import pytest
from bench.load.exchange import Exchange, read, write
from bench.load.ledger import compare
from bench.load.result import LoadResult, p99, percentile
from bench.rollouts import Watched


def exchange(scheduled: float, latency: float = 0.01, **other: object) -> Exchange:
    values: dict[str, object] = {"id": "", "takes": 0.0, "status": 200, "error": "", **other}
    return Exchange(
        scheduled=scheduled,
        sent=scheduled,
        done=scheduled + latency + float(str(values["takes"])),
        **values,  # type: ignore[arg-type]
    )


def test_exchanges_are_read_as_they_were_written(tmp_path: Path) -> None:
    some = (
        exchange(1.0, id="a", status=201),
        exchange(2.0, takes=4.0),
        Exchange("b", 0.0, 3.0, None, 4.0, None, 'OSError: "no", really'),
    )
    write(reversed(some), tmp_path / "file.csv")
    assert read(tmp_path / "file.csv") == some


def test_latency_counts_from_the_schedule_without_what_was_asked_for() -> None:
    assert Exchange("", 4.0, 10.0, 11.0, 15.5, 200).latency == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("one", "failed"),
    [
        (exchange(0.0), False),
        (exchange(0.0, id="a", status=201), False),
        (exchange(0.0, id="a", status=200), True),
        (exchange(0.0, status=502), True),
        (exchange(0.0, status=None, error="reset"), True),
    ],
)
def test_what_has_failed(one: Exchange, failed: bool) -> None:
    assert one.failed is failed


def test_percentiles_are_of_those_that_were_answered() -> None:
    hundred = [exchange(float(number), latency=number / 1000) for number in range(1, 101)]
    assert percentile(hundred, 0.5) == pytest.approx(0.050)
    assert p99(hundred) == pytest.approx(0.099)
    assert p99([*hundred, exchange(200.0, latency=15.0, status=None, error="late")]) < 1
    assert math.isnan(p99([]))


def test_before_and_during_are_by_the_schedule() -> None:
    exchanges = tuple(exchange(float(number)) for number in range(20))
    load = LoadResult(exchanges, began=10.0, ended=15.0)
    # The first two seconds are for settling.
    assert [one.scheduled for one in load.before] == [2, 3, 4, 5, 6, 7, 8, 9]
    assert [one.scheduled for one in load.during] == [10, 11, 12, 13, 14]


def test_the_ratio_is_of_during_to_before() -> None:
    before = tuple(exchange(number / 10, latency=0.010) for number in range(100))
    during = tuple(exchange(10 + number / 10, latency=0.025) for number in range(100))
    load = LoadResult((*before, *during), began=10.0, ended=20.0)
    assert Watched(load, compare(frozenset(), frozenset(), [])).p99_ratio == pytest.approx(2.5)


def test_reasons_say_what_when_and_how_often() -> None:
    exchanges = (
        exchange(11.0, status=502),
        exchange(12.0, id="a", takes=4.0, status=502),
        exchange(13.0, status=502),
    )
    said = LoadResult(exchanges, began=10.0, ended=15.0).reasons
    expected = "GET: status 502 (2), POST of 4 s: status 502 (1); 1.0 to 3.0 s after the start"
    assert said == expected


def test_an_account_names_what_is_lost_doubled_strange_and_unsaid() -> None:
    account = compare(
        posted=frozenset("abcde"), acknowledged=frozenset("abc"), found=["a", "b", "b", "d", "x"]
    )
    assert account.lost == {"c"}
    assert account.doubled == {"b"}
    assert account.strange == {"x"}
    assert account.unsaid == {"d"}
    assert account.wrong == 3


def test_an_account_that_is_right() -> None:
    account = compare(frozenset("abc"), frozenset("ab"), ["b", "a", "c"])
    assert account.wrong == 0
    assert account.unsaid == {"c"}
