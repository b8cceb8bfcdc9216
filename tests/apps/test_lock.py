"""One change of an application at a time, on a real Swarm."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Any, cast

import psutil
import pytest
import requests

from beeyard.apps import Lock
from beeyard.apps import lock as locks
from beeyard.apps.lock import FENCED, GONE, holder
from beeyard.errors import AppError, SwarmError
from beeyard.holder import Holder, started
from beeyard.swarm import Manager
from beeyard.swarm.objects import relabel
from beeyard.testing import FakeClock
from beeyard.waiting import Clock, SystemClock, wait_until

NAME = "beeyard.shop.lock"
#: Holds the lock in a process of its own, until its input ends.
HOLDS = """\
import sys
from pathlib import Path
from beeyard.apps import Lock
from beeyard.process import LocalRunner
from beeyard.swarm import Tunnel

with Tunnel(LocalRunner(), Path(sys.argv[1]), "manager-1") as tunnel:
    with Lock(tunnel.client, "shop", "deploy"):
        print("held", flush=True)
        sys.stdin.read()
"""


def test_a_process_is_known_by_when_it_started() -> None:
    me = Holder.me("deploy")
    assert not me.is_gone()
    assert replace(me, started="1").is_gone(), "its number was given again"
    assert not replace(me, started="1", host="elsewhere").is_gone(), "nobody knows"
    assert not replace(me, started="1", boot="before").is_gone(), "nobody knows"
    assert str(me).endswith(f"(process {os.getpid()}), since {me.since}: deploy")


def test_a_process_that_has_ended_is_gone() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        theirs = replace(Holder.me("deploy"), pid=process.pid, started=started(process.pid))
        assert not theirs.is_gone()
        process.kill()
        # Until it is waited for, a process that ended still has its number.
        wait_until(theirs.is_gone, clock=SystemClock(), deadline=5, interval=0.01)
    assert theirs.is_gone()


class Held:
    """The lock as somebody else holds it, who beats when told to."""

    def __init__(self, manager: Manager, who: Holder) -> None:
        self._api: Any = manager.client.api
        self._count = 0
        labels = {locks._HOLDER: json.dumps(asdict(who)), locks._BEAT: "0"}
        self._api.create_config(NAME, b"lock", labels)

    def beat(self) -> None:
        self._count += 1
        raw = self._api.inspect_config(NAME)
        relabel(self._api, "configs", raw, {**raw["Spec"]["Labels"], locks._BEAT: str(self._count)})


class Beating(FakeClock):
    """A clock on which the lock's holder beats after so many seconds."""

    def __init__(self, held: Held, after: float) -> None:
        super().__init__()
        self._held, self._after = held, after

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if sum(self.slept) == self._after:
            self._held.beat()


ELSEWHERE = replace(Holder.me("deploy"), host="elsewhere", who="you", pid=7)


@pytest.fixture(autouse=True)
def _nobody_holds_it(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "manager" in request.fixturenames:
        manager: Manager = request.getfixturevalue("manager")
        assert _held_by(manager) is None


def api_of(manager: Manager) -> Any:
    return manager.client.api


def _held_by(manager: Manager) -> Holder | None:
    raws = api_of(manager).configs(filters={"name": [NAME]})
    found = [raw for raw in raws if raw["Spec"]["Name"] == NAME]
    return locks._holder(found[0]) if found else None


def lock(manager: Manager, clock: Clock | None = None, said: list[str] | None = None) -> Lock:
    say = (said if said is not None else []).append
    return Lock(manager.client, "shop", "rollback to 3", clock or SystemClock(), say)


@contextmanager
def held_elsewhere(real_swarm: Any) -> Iterator[subprocess.Popen[str]]:
    """A process of this machine that holds the lock; its ssh is gone afterwards, too."""
    argv = [sys.executable, "-c", HOLDS, str(real_swarm.ssh_config)]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        children = psutil.Process(process.pid).children(recursive=True)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.communicate(timeout=30)
            _, left = psutil.wait_procs(children, timeout=10)
            for child in left:
                child.kill()


@pytest.mark.real
def test_it_is_held_from_entry_to_exit(manager: Manager) -> None:
    with lock(manager) as held:
        found = _held_by(manager)
        assert found is not None
        assert (found.pid, found.doing) == (os.getpid(), "rollback to 3")
        held.check()
        assert held.taken_over is None
    assert _held_by(manager) is None
    with pytest.raises(ZeroDivisionError), lock(manager):
        _ = 1 / 0
    assert _held_by(manager) is None


@pytest.mark.real
def test_each_application_has_its_own(manager: Manager) -> None:
    with lock(manager), Lock(manager.client, "shop-2", "deploy") as other:
        other.check()


@pytest.mark.real
def test_the_second_one_is_refused_in_words(real_swarm: Any, manager: Manager) -> None:
    said: list[str] = []
    with held_elsewhere(real_swarm) as process:
        with pytest.raises(AppError) as caught, lock(manager, said=said):
            pass
        assert caught.value.what == "shop is being changed already"
        assert f"(process {process.pid}), since 20" in str(caught.value.why)
        assert str(caught.value.why).endswith(": deploy")
        assert caught.value.fix == "wait for its end, then run the command again"
        assert said == [f"waiting to see whether it lives: {caught.value.why}"]
        assert process.poll() is None
        process.communicate(timeout=30)
        with lock(manager) as held:
            assert held.taken_over is None


@pytest.mark.real
def test_one_whose_process_was_killed_is_taken_over_at_once(
    real_swarm: Any, manager: Manager
) -> None:
    said: list[str] = []
    clock = FakeClock()
    with held_elsewhere(real_swarm) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert _held_by(manager) is not None
        with lock(manager, clock, said) as held:
            assert held.taken_over is not None
            assert held.taken_over.pid == process.pid
            assert clock.slept == []
            mine = _held_by(manager)
            assert mine is not None
            assert mine.pid == os.getpid()
    assert said == [f"took over from {held.taken_over}, which is gone"]


@pytest.mark.real
def test_one_of_another_machine_that_beats_no_more_is_taken_over(manager: Manager) -> None:
    Held(manager, ELSEWHERE)
    clock, said = FakeClock(), list[str]()
    with lock(manager, clock, said) as held:
        assert held.taken_over == ELSEWHERE
        assert GONE <= sum(clock.slept) < GONE + 2
    assert said == [
        f"waiting to see whether it lives: {ELSEWHERE}",
        f"took over from {ELSEWHERE}, which is gone",
    ]


@pytest.mark.real
@pytest.mark.parametrize("after", [1.0, GONE - 1])
def test_one_that_beats_is_not(manager: Manager, after: float) -> None:
    held = Held(manager, ELSEWHERE)
    try:
        with (
            pytest.raises(AppError, match="shop is being changed already") as caught,
            lock(manager, Beating(held, after)),
        ):
            pass
        assert caught.value.why == str(ELSEWHERE)
        assert _held_by(manager) == ELSEWHERE
    finally:
        api_of(manager).remove_config(NAME)


@pytest.mark.real
def test_one_that_ends_while_it_is_watched_is_followed(manager: Manager) -> None:
    Held(manager, ELSEWHERE)

    class Ending(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            api_of(manager).remove_config(NAME)

    with lock(manager, Ending()) as held:
        assert held.taken_over is None


@pytest.mark.real
def test_who_holds_it(real_swarm: Any, manager: Manager) -> None:
    clock = SystemClock()
    assert holder(manager.client, "shop", clock, lambda _: None) is None
    with held_elsewhere(real_swarm) as process:
        found = holder(manager.client, "shop", clock, lambda _: None)
        assert found is not None
        assert (found.pid, found.doing) == (process.pid, "deploy")
        process.kill()
        process.wait()
        assert holder(manager.client, "shop", clock, lambda _: None) is None


def test_a_manager_that_says_nothing_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, left = FakeClock(), [requests.ConnectionError("hung up"), None]

    def renew() -> None:
        if error := left.pop(0):
            raise error

    held = Lock(cast(Any, None), "shop", "deploy", clock)
    monkeypatch.setattr(held, "_renew", renew)
    held.check()
    assert (left, clock.slept) == ([], [1.0])


def test_it_is_asked_for_as_long_as_nobody_else_may_take_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def renew() -> None:
        raise requests.ConnectionError("hung up")

    held = Lock(cast(Any, None), "shop", "deploy", FakeClock())
    monkeypatch.setattr(held, "_renew", renew)
    with pytest.raises(SwarmError, match="the lock of shop is lost") as caught:
        held.check()
    assert caught.value.why == "the manager took no sign of life from here for 15 s: hung up"


@pytest.mark.real
def test_whoever_is_told_nothing_stops(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the manager is out of reach: no beat arrives."""
    monkeypatch.setattr(locks, "BEATS", 0.05)
    clock = FakeClock()
    with lock(manager, clock) as held:
        clock.sleep(FENCED)

        def beaten() -> bool:
            return held._beaten == clock.monotonic()

        wait_until(beaten, clock=SystemClock(), deadline=10, interval=0.01)
        held.check()
        api_of(manager).remove_config(NAME)
        with pytest.raises(SwarmError, match="the lock of shop is lost") as caught:
            held.check()
        assert caught.value.why == "somebody else has taken it over"


@pytest.mark.real
def test_whoever_is_cut_off_stops(real_swarm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """As where the network is cut between here and the manager: no beat arrives."""
    monkeypatch.setattr(locks, "BEATS", 0.05)
    clock = FakeClock()
    before = psutil.Process().children()
    with real_swarm.tunnel() as tunnel, lock(Manager(tunnel.client), clock) as held:
        (link,) = set(psutil.Process().children()) - set(before)
        link.suspend()
        try:
            clock.sleep(FENCED + 0.1)
            with pytest.raises(SwarmError, match="the lock of shop is lost"):
                held.check()
        finally:
            link.resume()
