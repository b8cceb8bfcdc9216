"""One active copy: who may claim an epoch, and how the one before learns of it."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from beeyard.controller import epochs, files
from beeyard.controller.epochs import GONE, Held, Lease, LeaseLost, claim
from beeyard.testing import FakeClock
from beeyard.waiting import SystemClock, wait_until


class Lively(FakeClock):
    """A clock on which a holder beats while another sleeps."""

    def __init__(self, holder: Lease, beats: int) -> None:
        super().__init__()
        self.holder, self.beats = holder, beats

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.beats:
            self.beats -= 1
            self.holder.renew()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "epochs"


def test_the_first_copy_claims_the_first_epoch(folder: Path) -> None:
    lease = claim(folder, "one", patience=0)
    lease.check()
    assert (lease.epoch, epochs.who(folder, 1)) == (1, "one")
    assert (folder / "00000001" / "claim").exists()


def test_one_that_shows_signs_of_life_is_left_alone(folder: Path) -> None:
    first = claim(folder, "one")
    clock = Lively(first, beats=1000)
    said: list[str] = []

    with pytest.raises(Held) as caught:
        claim(folder, "two", clock=clock, patience=10 * GONE, say=said.append)

    assert caught.value.why == "one shows signs of life"
    assert said == ["waiting for the active copy: one"]
    first.check()


def test_one_that_is_silent_is_followed_after_its_time_and_not_before(folder: Path) -> None:
    first = claim(folder, "one")
    clock = Lively(first, beats=7)

    second = claim(folder, "two", clock=clock)

    assert second.epoch == 2
    assert clock.monotonic() == pytest.approx(7 + GONE, abs=1)
    with pytest.raises(LeaseLost):
        first.check()
    with pytest.raises(LeaseLost):
        first.renew()


def test_an_observer_that_slept_itself_looks_again_before_it_claims(folder: Path) -> None:
    """Its clock went on while it saw nothing: that is no silence of the holder's."""

    class Asleep(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(100 * GONE)
            first.renew()

    first = claim(folder, "one")
    with pytest.raises(Held):
        claim(folder, "two", clock=Asleep(), patience=1000 * GONE)
    first.check()


def test_one_that_slept_after_it_looked_counts_no_time_that_it_did_not_see(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, clock, looks = claim(folder, "one"), FakeClock(), []
    real = files.content

    def slow(path: Path) -> bytes | None:
        said = real(path)
        if path.name == "heartbeat":
            looks.append(said)
            clock.sleep(100 * GONE)
            if len(looks) % 2 == 0:
                first.renew()
        return said

    monkeypatch.setattr(files, "content", slow)
    with pytest.raises(Held):
        claim(folder, "two", clock=clock, patience=1000 * GONE)
    assert len(looks) > 4


def test_a_released_lease_is_taken_at_once(folder: Path) -> None:
    first = claim(folder, "one")
    first.release()
    clock = FakeClock()

    second = claim(folder, "two", clock=clock)

    assert (second.epoch, clock.slept) == (2, [])
    with pytest.raises(LeaseLost):
        first.check()


def test_to_release_a_lost_lease_takes_nothing_from_its_successor(folder: Path) -> None:
    first = claim(folder, "one")
    second = claim(folder, "two", clock=FakeClock())
    first.release()
    second.check()
    with pytest.raises(Held):
        claim(folder, "three", patience=0)


def test_a_copy_that_died_between_claim_and_heartbeat_is_followed(folder: Path) -> None:
    """It is the newest, it never beat, and it told nobody that it was there."""
    first = claim(folder, "one")
    (folder / "00000002").mkdir()
    files.create(folder / "00000002" / "claim", b"")

    third = claim(folder, "three", clock=FakeClock())

    assert third.epoch == 3
    told = [files.content(epochs.place(folder, epoch) / "successor") for epoch in (1, 2, 3)]
    assert told == [b"3\n", b"3\n", b""]
    with pytest.raises(LeaseLost):
        first.check()


def test_a_folder_without_a_claim_is_nobodys(folder: Path) -> None:
    claim(folder, "one").release()
    (folder / "00000002").mkdir()
    assert claim(folder, "two", patience=0).epoch == 2


def test_a_listing_that_lags_behind_leads_nobody_astray(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an NFS client may: it lists what was there a minute ago."""
    for name in ("one", "two", "three"):
        claim(folder, name, clock=FakeClock())
    monkeypatch.setattr(epochs, "numbers", lambda _: [1])
    assert claim(folder, "four", clock=FakeClock()).epoch == 4


def test_a_successor_is_seen_though_its_name_is_not(folder: Path) -> None:
    """A client may remember that there was no next epoch; what a file says, it reads anew."""
    first = claim(folder, "one")
    claim(folder, "two", clock=FakeClock())
    (folder / "00000002" / "claim").unlink()
    with pytest.raises(LeaseLost):
        first.check()


def test_a_holder_goes_on_in_the_next_epoch(folder: Path) -> None:
    lease = claim(folder, "one")
    lease.advance()
    lease.check()
    assert lease.epoch == 2
    with pytest.raises(Held):
        claim(folder, "two", patience=0)


def test_it_can_not_go_on_where_another_has_taken_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where it does not see that at first."""
    first = claim(folder, "one")
    claim(folder, "two", clock=FakeClock())
    monkeypatch.setattr(epochs, "_is_succeeded", lambda *_: False)
    with pytest.raises(LeaseLost):
        first.advance()
    with pytest.raises(LeaseLost):
        first.check()


def test_the_loser_of_a_race_is_told_so_as_sshfs_tells_it(tmp_path: Path) -> None:
    """SFTP has one code for "there is such a file" and "not permitted"."""
    assert files.create(tmp_path / "claim", b"me")
    with _refusing(tmp_path / "claim"):
        assert not files.create(tmp_path / "claim", b"me, too")


def test_what_is_not_permitted_is_not_a_lost_race(tmp_path: Path) -> None:
    with _refusing(tmp_path / "claim"), pytest.raises(PermissionError):
        files.create(tmp_path / "claim", b"me")


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
    real = os.open

    def refuse(name: Path, *more: int) -> int:
        if name == path:
            raise PermissionError(1, "Operation not permitted")
        return real(name, *more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", refuse)
        yield


def test_a_thread_keeps_it_and_tells_when_it_is_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "BEATS", 0.01)
    lease, lost = claim(folder, "one"), threading.Event()
    beat = files.content(lease.path / "heartbeat")
    lease.keep(lambda _: lost.set())
    wait_until(
        lambda: files.content(lease.path / "heartbeat") != beat, clock=SystemClock(), deadline=10
    )
    assert lease.quiet < 5

    claim(folder, "two", clock=FakeClock())

    assert lost.wait(10)
    lease.release()


def test_who_releases_is_not_told_that_it_lost(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "BEATS", 0.01)
    lease, lost = claim(folder, "one"), threading.Event()
    lease.keep(lambda _: lost.set())
    lease.release()
    assert claim(folder, "two", patience=0).epoch == 2
    assert not lost.is_set()


def test_who_can_not_write_any_more_does_not_look_alive(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "BEATS", 0.01)
    lease, lost = claim(folder, "one"), threading.Event()
    why: list[str | None] = []

    def told(error: LeaseLost) -> None:
        why.append(error.why)
        lost.set()

    lease.keep(told)
    lease.give_up("the disk is full")
    assert lost.wait(10)
    assert why == ["the disk is full"]
    clock = FakeClock()
    assert claim(folder, "two", clock=clock).epoch == 2
    assert clock.monotonic() >= GONE


def test_at_each_beat_it_is_seen_whether_it_can_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(epochs, "BEATS", 0.01)
    lease, lost = claim(folder, "one"), threading.Event()
    looks = 0

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 3:
            lease.give_up("a file of its is lost")
            raise Held("what a look raises is not told of")

    lease.at_each_beat(look)
    lease.keep(lambda _: lost.set())
    assert lost.wait(10)
    assert looks == 3
