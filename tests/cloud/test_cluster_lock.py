"""One change of a cluster at a time, in a real S3 API."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial

import pytest

from beeyard.cloud import ClusterHeld, ClusterLock, state_bucket
from beeyard.cloud.api import Aws
from beeyard.cloud.cluster_lock import FENCED, GONE, KEY, ClusterLockLost, look
from beeyard.holder import Holder
from beeyard.testing import FakeClock
from beeyard.waiting import Clock, SystemClock, wait_until
from cloud.moto import Moto

BUCKET = "state"
ELSEWHERE = replace(Holder.me("up"), host="elsewhere", who="you", pid=7)
#: Holds the lock in a process of its own, until its input ends.
HOLDS = """\
import sys
from beeyard.cloud import ClusterLock
from beeyard.cloud.api import Aws
from cloud.example import at

with ClusterLock(Aws(at(sys.argv[1]), "eu-central-1"), "state", "shop", "up"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def bucket(aws: Aws) -> Aws:
    state_bucket.ensure(aws, BUCKET)
    return aws


def lock(aws: Aws, clock: Clock | None = None, said: list[str] | None = None) -> ClusterLock:
    say = (said if said is not None else []).append
    return ClusterLock(aws, BUCKET, "shop", "down", clock or SystemClock(), say)


def holder(aws: Aws) -> Holder | None:
    found = look(aws.client("s3"), BUCKET)
    return found.holder if found else None


def held_by(aws: Aws, who: Holder, *gone: Holder, beat: int = 0) -> None:
    """The lock as somebody holds it who beats no more, once it was written."""
    said = {"holder": asdict(who), "beat": beat, "gone": [asdict(one) for one in gone]}
    aws.client("s3").put_object(Bucket=BUCKET, Key=KEY, Body=json.dumps(said).encode())


class Meanwhile(FakeClock):
    """A clock on which something happens after so many seconds."""

    def __init__(self, after: float, happens: Callable[[], None]) -> None:
        super().__init__()
        self._after, self._happens = after, happens

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if sum(self.slept) == self._after:
            self._happens()


@contextmanager
def held_by_a_process(moto: Moto) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", HOLDS, moto.endpoint]
    paths = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=paths
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_it_is_held_from_entry_to_exit_and_says_by_whom(bucket: Aws) -> None:
    with lock(bucket) as held:
        held.check()
        found = holder(bucket)
        assert found is not None
        assert found.doing == "down"
        assert not found.is_gone()

    assert holder(bucket) is None
    assert held.taken_over is None


def test_it_can_be_had_again_and_again(bucket: Aws) -> None:
    """A bucket that keeps versions keeps a mark of what was deleted: it holds nothing."""
    for _ in range(3):
        with lock(bucket) as held:
            held.check()
            assert held.gone == ()


def test_it_is_let_go_after_a_failure(bucket: Aws) -> None:
    with pytest.raises(ZeroDivisionError), lock(bucket):
        _ = 1 / 0

    assert holder(bucket) is None


def test_the_second_of_two_is_refused_and_hears_who_holds_it(bucket: Aws, moto: Moto) -> None:
    with held_by_a_process(moto) as process:
        me = holder(bucket)
        assert me is not None
        assert me.pid == process.pid
        beats = partial(held_by, bucket, me, beat=1)
        clock = Meanwhile(4.0, beats)

        with pytest.raises(ClusterHeld) as caught, lock(bucket, clock):
            pass

    assert caught.value.what == "shop is being changed already"
    assert caught.value.why == str(me)
    assert f"(process {process.pid}), since {me.since}: up" in str(me)
    assert caught.value.exit_code == 11


def test_one_whose_process_was_killed_is_taken_over_at_once(bucket: Aws, moto: Moto) -> None:
    with held_by_a_process(moto) as process:
        process.kill()
        process.wait()
        theirs, clock, said = holder(bucket), FakeClock(), list[str]()

        with lock(bucket, clock, said) as held:
            held.check()

    assert clock.slept == []
    assert held.taken_over == theirs
    assert said == [f"took over from {theirs}, which is gone"]
    assert holder(bucket) is None


def test_one_elsewhere_is_taken_over_after_it_was_silent_for_long(bucket: Aws) -> None:
    held_by(bucket, ELSEWHERE)
    clock, said = FakeClock(), list[str]()

    with lock(bucket, clock, said) as held:
        assert held.gone == (ELSEWHERE,)

    assert sum(clock.slept) == GONE
    assert said[0] == f"waiting to see whether it lives: {ELSEWHERE}"


def test_one_elsewhere_that_beats_is_not_taken_over(bucket: Aws) -> None:
    held_by(bucket, ELSEWHERE)
    late = GONE - 2.0

    with (
        pytest.raises(ClusterHeld),
        lock(bucket, Meanwhile(late, lambda: held_by(bucket, ELSEWHERE, beat=1))),
    ):
        pass

    assert holder(bucket) == ELSEWHERE


def test_one_that_is_let_go_meanwhile_is_had(bucket: Aws) -> None:
    held_by(bucket, ELSEWHERE)
    delete = lambda: bucket.client("s3").delete_object(Bucket=BUCKET, Key=KEY)  # noqa: E731

    with lock(bucket, Meanwhile(4.0, delete)) as held:
        held.check()

    assert held.taken_over is None


def test_all_who_died_are_known_until_it_is_let_go(bucket: Aws) -> None:
    """The second to die has not tidied up after the first."""
    first = replace(Holder.me("up"), started="1", pid=1)
    second = replace(Holder.me("up"), started="1", pid=2)
    held_by(bucket, second, first)

    with lock(bucket) as held:
        assert held.gone == (first, second)
    with lock(bucket) as held:
        assert held.gone == ()


def test_two_who_take_over_at_once_are_one(bucket: Aws) -> None:
    """Whoever saw the older one write has lost, and waits for the new holder."""
    held_by(bucket, replace(Holder.me("up"), started="1"))
    first = lock(bucket)
    seen = look(bucket.client("s3"), BUCKET)
    held_by(bucket, ELSEWHERE)
    first._me = Holder.me("down")

    assert seen is not None
    assert first._write(IfMatch=seen.mark) is False
    assert holder(bucket) == ELSEWHERE


def test_a_request_that_was_sent_twice_is_no_loss(bucket: Aws) -> None:
    """Its answer was lost: the second finds what the first wrote."""
    with lock(bucket) as held:
        held._etag = '"older"'
        assert held._write(IfMatch=held._etag) is True
        held.check()

    assert holder(bucket) is None


def test_one_that_was_taken_over_is_lost(bucket: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beeyard.cloud.cluster_lock.BEATS", 0.05)
    with lock(bucket) as held:
        held_by(bucket, ELSEWHERE)

        def lost() -> bool:
            try:
                held.check()
            except ClusterLockLost:
                return True
            return False

        wait_until(lost, clock=SystemClock(), deadline=10, interval=0.05)
        with pytest.raises(ClusterLockLost, match="the lock of shop is lost") as caught:
            held.check()

    assert caught.value.why == "somebody else has taken it over"
    assert holder(bucket) == ELSEWHERE, "it is theirs to let go"


def test_one_that_could_not_beat_is_lost(bucket: Aws) -> None:
    clock = FakeClock()
    with lock(bucket, clock) as held:
        clock.sleep(FENCED + 1)
        with pytest.raises(ClusterLockLost) as caught:
            held.check()

    assert caught.value.why == "S3 took no sign of life for 41 s"
    assert FENCED < GONE


def test_a_bucket_that_goes_while_it_is_held_is_no_failure(bucket: Aws) -> None:
    """`down --purge`."""
    with lock(bucket):
        state_bucket.remove(bucket, BUCKET)

    assert not state_bucket.exists(bucket, BUCKET)


def test_it_beats(bucket: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beeyard.cloud.cluster_lock.BEATS", 0.05)

    def etag() -> str:
        found = look(bucket.client("s3"), BUCKET)
        assert found is not None
        return found.mark

    with lock(bucket) as held:
        first = etag()
        wait_until(lambda: etag() != first, clock=SystemClock(), deadline=10, interval=0.05)
        held.check()
