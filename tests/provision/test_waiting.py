"""Waiting for a condition, without waiting."""

from collections.abc import Callable, Iterator

import pytest

from beeyard.testing import FakeClock
from beeyard.waiting import Timeout, wait_until


def after(questions: int) -> Callable[[], bool]:
    """A condition that is true at the last of so many questions, and must not be asked again."""
    left: Iterator[bool] = iter([False] * (questions - 1) + [True])
    return lambda: next(left)


def test_what_is_so_already_takes_no_time() -> None:
    clock = FakeClock()
    assert wait_until(after(1), clock=clock, deadline=10) == 0
    assert clock.slept == []


def test_it_is_asked_again_until_it_is_so() -> None:
    clock = FakeClock(start=100)
    took = wait_until(after(3), clock=clock, deadline=10, interval=2)
    assert took == 4
    assert clock.slept == [2, 2]


def test_the_deadline_is_kept_and_the_last_question_asked_at_it() -> None:
    clock = FakeClock()
    with pytest.raises(Timeout):
        wait_until(lambda: False, clock=clock, deadline=5, interval=2)
    assert clock.monotonic() == 6
    assert wait_until(lambda: clock.monotonic() >= 10, clock=clock, deadline=4, interval=2) == 4


def test_a_deadline_of_nothing_still_asks_once() -> None:
    assert wait_until(after(1), clock=FakeClock(), deadline=0) == 0
    with pytest.raises(Timeout):
        wait_until(after(2), clock=FakeClock(), deadline=0)


def test_an_error_of_the_condition_is_passed_on() -> None:
    def broken() -> bool:
        raise ValueError("the reason")

    with pytest.raises(ValueError, match="the reason"):
        wait_until(broken, clock=FakeClock(), deadline=5)
