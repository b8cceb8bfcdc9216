"""The journal: what is appended is replayed, and what was not finished or not ours is not."""

import os
import threading
import tracemalloc
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beeyard.controller import epochs, journal
from beeyard.controller.epochs import LeaseLost
from beeyard.controller.journal import NAME, Journal, JournalBroken, NewerJournal, replay
from beeyard.controller.kinds import Kinds, UnknownRecord
from beeyard.controller.lines import Damaged, Lines, frame, parse
from beeyard.controller.records import Record, RunCancelled, RunCreated, StepChanged
from beeyard.waiting import SystemClock, wait_until
from controller.copies import Counts, Json, take

Said = Mapping[str, Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "epochs"


def opened(
    folder: Path, name: str = "one", apply: Callable[[Said], None] = lambda _: None
) -> Journal[Said]:
    return Journal.open(take(folder, name), Json(), apply)


def words(folder: Path) -> list[Any]:
    return [record["word"] for record in replay(folder, Json())]


def write(written: Journal[Said], *said: str) -> None:
    for word in said:
        written.append([{"word": word}])


def path(folder: Path, epoch: int = 1) -> Path:
    return epochs.place(folder, epoch) / NAME


def test_there_is_nothing_at_first(folder: Path) -> None:
    folder.mkdir()
    assert words(folder) == []


def test_it_goes_over_epochs(folder: Path) -> None:
    for name in ("one", "two", "three"):
        seen: list[Any] = []
        written = opened(folder, name, seen.append)
        write(written, f"{name} a", f"{name} b")
        assert len(seen) == 2 * (written.lease.epoch - 1)
        written.close()
    assert words(folder) == ["one a", "one b", "two a", "two b", "three a", "three b"]


def test_what_is_appended_after_a_take_over_is_not_read(folder: Path) -> None:
    first = opened(folder)
    write(first, "mine")
    second = opened(folder, "two")
    write(second, "theirs")

    with pytest.raises(LeaseLost):
        write(first, "ghost")

    assert b"ghost" in path(folder).read_bytes()
    assert words(folder) == ["mine", "theirs"]
    with pytest.raises(JournalBroken, match="takes no more records"):
        write(first, "again")
    assert opened(folder, "three").size > 0
    assert words(folder) == ["mine", "theirs"]


def test_a_copy_that_claimed_and_came_no_further_leaves_nothing(folder: Path) -> None:
    write(opened(folder), "mine")
    take(folder, "came no further")
    seen: list[Any] = []
    write(opened(folder, "three", seen.append), "theirs")
    assert seen == [{"word": "mine"}]
    assert words(folder) == ["mine", "theirs"]


def test_a_holder_that_slept_before_its_first_line_changes_nothing(folder: Path) -> None:
    """It claimed an epoch, another followed it, and then it goes on."""
    write(opened(folder), "mine")
    slow = take(folder, "slow")
    write(opened(folder, "three"), "theirs")
    with pytest.raises(LeaseLost):
        Journal.open(slow, Json(), lambda _: None)
    assert words(folder) == ["mine", "theirs"]


def test_a_line_that_was_cut_off_at_any_byte_is_left_out(folder: Path) -> None:
    written = opened(folder)
    write(written, "one", "two")
    whole = path(folder).read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(whole)):
        for gap in (0, 3):
            # A write that was not synced may have left a gap.
            path(folder).write_bytes(whole[:cut] + b"\0" * gap)
            assert words(folder) == ["one"], cut
    path(folder).write_bytes(whole)
    assert words(folder) == ["one", "two"]


def test_a_first_line_that_was_cut_off_is_no_epoch(folder: Path) -> None:
    write(opened(folder), "one")
    opened(folder, "two")
    whole = path(folder, 2).read_bytes()
    for cut in range(len(whole)):
        path(folder, 2).write_bytes(whole[:cut])
        assert words(folder) == ["one"], cut


def test_who_follows_pins_what_was_finished(folder: Path) -> None:
    write(opened(folder), "one", "two")
    whole = path(folder).read_bytes()
    path(folder).write_bytes(whole[:-5])

    second = opened(folder, "two")

    assert second.left_out > 0
    write(second, "three")
    assert words(folder) == ["one", "three"]
    # Were it finished now, it would still count for nobody.
    path(folder).write_bytes(whole)
    assert words(folder) == ["one", "three"]


def test_damage_before_the_end_names_file_and_byte(folder: Path) -> None:
    written = opened(folder)
    write(written, "one", "two", "three")
    whole = path(folder).read_bytes()
    second = whole.find(b"\n") + 1
    third = whole.find(b"\n", second) + 1
    last = whole.find(b"\n", third) + 1
    for at in range(second, last):
        path(folder).write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(Damaged) as caught:
            words(folder)
        offset = second if at < third else third
        assert (caught.value.path, caught.value.offset) == (path(folder), offset)
        assert caught.value.what == f"00000001/records is damaged at byte {offset}"


def test_damage_to_what_is_pinned_is_never_taken_for_an_end(folder: Path) -> None:
    write(opened(folder), "one", "two")
    opened(folder, "two")
    whole = path(folder).read_bytes()
    for broken in (whole[:-1], whole[:-3] + b"!!!", b"", whole[:-20] + b"\0" * 20):
        path(folder).write_bytes(broken)
        with pytest.raises(Damaged):
            words(folder)
    path(folder).unlink()
    with pytest.raises(Damaged, match="damaged at byte 0"):
        words(folder)


@pytest.mark.parametrize("order", [(0, 2, 3), (0, 1, 1, 2), (0, 2, 1, 3)])
def test_whole_lines_that_are_gone_doubled_or_moved_are_found(
    folder: Path, order: tuple[int, ...]
) -> None:
    write(opened(folder), "one", "two", "three")
    lines = path(folder).read_bytes().splitlines(keepends=True)
    path(folder).write_bytes(b"".join(lines[number] for number in order))
    with pytest.raises(Damaged, match="is damaged"):
        words(folder)


def test_records_of_one_append_are_there_together_or_not_at_all(folder: Path) -> None:
    written = opened(folder)
    begin = path(folder).stat().st_size
    written.append([{"word": "one"}, {"word": "two"}])
    whole = path(folder).read_bytes()
    for cut in range(begin, len(whole)):
        path(folder).write_bytes(whole[:cut])
        assert words(folder) == []


def test_appends_that_wait_together_share_a_line(folder: Path) -> None:
    written = opened(folder)
    written._take_turn()
    with written._end_of_turn():
        threads = [
            threading.Thread(target=write, args=(written, f"{number}")) for number in range(20)
        ]
        for thread in threads:
            thread.start()
        wait_until(
            lambda: len(written._queue) == 20, clock=SystemClock(), deadline=10, interval=0.01
        )
    for thread in threads:
        thread.join()
    assert len(list(Lines(path(folder)))) == 2
    assert sorted(words(folder), key=int) == [str(number) for number in range(20)]


def test_a_failed_write_fails_all_that_waited_and_ever_after(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = opened(folder)
    write(written, "one")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    errors: list[JournalBroken] = []

    def try_it() -> None:
        try:
            write(written, "two")
        except JournalBroken as error:
            errors.append(error)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        threads = [threading.Thread(target=try_it) for _ in range(2)]
        written._take_turn()
        with written._end_of_turn():
            for thread in threads:
                thread.start()
            wait_until(
                lambda: len(written._queue) == 2, clock=SystemClock(), deadline=10, interval=0.01
            )
        for thread in threads:
            thread.join()
    assert [error.what for error in errors] == ["the journal could not be written"] * 2
    with pytest.raises(JournalBroken, match="takes no more records") as caught:
        write(written, "three")
    assert caught.value.why is not None
    assert "No space left" in caught.value.why
    with pytest.raises(LeaseLost) as lost:
        written.lease.renew()
    assert str(lost.value.why).startswith("its journal is broken: ")


def test_a_file_that_is_lost_is_found_out_before_somebody_writes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = opened(folder)
    write(written, "one")
    written.look()
    write(written, "two")

    def lost(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", lost)
    written._take_turn()
    with written._end_of_turn():
        written.look()  # Whoever writes finds out by himself, and is not waited for.
    with pytest.raises(JournalBroken, match="could not be written"):
        written.look()
    with pytest.raises(LeaseLost):
        written.lease.check()
    assert words(folder) == ["one", "two"]


def test_too_much_at_once_is_refused_and_harms_nobody(folder: Path) -> None:
    written = opened(folder)
    with pytest.raises(ValueError, match="in one append"):
        write(written, "x" * (journal.MOST + 1))
    write(written, "small")
    assert words(folder) == ["small"]


def test_a_newer_version_is_refused_in_words(folder: Path) -> None:
    opened(folder)
    path(folder).write_bytes(frame(0, b'"head":{"version":2,"pins":{},"snapshot":false}'))
    with pytest.raises(NewerJournal, match="written by a newer version of beeyard"):
        words(folder)


# Compaction


def counted(folder: Path, name: str) -> tuple[Journal[Said], Counts]:
    counts = Counts()
    return opened(folder, name, counts.apply), counts


def note(written: Journal[Said], counts: Counts, writer: str) -> None:
    record = {"writer": writer, "n": counts.by_writer.get(writer, 0) + 1}
    written.append([record])
    counts.apply(record)


def test_compaction_keeps_the_state_and_lets_the_past_go(folder: Path) -> None:
    for round_ in range(8):
        written, counts = counted(folder, f"copy {round_}")
        for _ in range(5):
            note(written, counts, "shop")
        if round_ in (3, 6):
            written.compact(counts.records())
            note(written, counts, "shop")
        written.close()
    _, counts = counted(folder, "last")
    assert counts.by_writer == {"shop": 8 * 5 + 2}
    kept = sorted(epoch for epoch in epochs.numbers(folder) if path(folder, epoch).exists())
    # Two were made by compaction, the second is the ninth; the last few before it are kept.
    assert kept == [6, 7, 8, 9, 10, 11]
    assert len(epochs.numbers(folder)) == 11, "claims stay"


def test_of_many_compactions_the_last_may_be_cut_off(folder: Path) -> None:
    written, counts = counted(folder, "one")
    for _ in range(6):
        note(written, counts, "shop")
        written.compact(counts.records())
    assert not path(folder, 1).exists()
    lines = path(folder, 7).read_bytes().splitlines(keepends=True)
    path(folder, 7).write_bytes(b"".join(lines[:2]))
    _, counts = counted(folder, "next")
    assert counts.by_writer == {"shop": 6}


def test_a_snapshot_that_was_cut_off_at_any_byte_changes_nothing(folder: Path) -> None:
    written, counts = counted(folder, "one")
    for writer in ("shop", "blog", "shop"):
        note(written, counts, writer)
    written.compact(counts.records())
    whole = path(folder, 2).read_bytes()
    for cut in range(len(whole) + 1):
        path(folder, 2).write_bytes(whole[:cut])
        read = Counts()
        for record in replay(folder, Json()):
            read.apply(record)
        assert read.by_writer == {"shop": 2, "blog": 1}, cut
    # And who follows one that was cut off goes on from what was before it.
    path(folder, 2).write_bytes(whole[: len(whole) // 2])
    written, counts = counted(folder, "three")
    note(written, counts, "shop")
    path(folder, 2).write_bytes(whole)
    read = Counts()
    for record in replay(folder, Json()):
        read.apply(record)
    assert read.by_writer == {"shop": 3, "blog": 1}


def test_one_that_is_followed_can_not_compact(folder: Path) -> None:
    written, counts = counted(folder, "one")
    note(written, counts, "shop")
    counted(folder, "two")
    with pytest.raises(LeaseLost):
        written.compact(counts.records())
    _, counts = counted(folder, "three")
    assert counts.by_writer == {"shop": 1}


def test_a_long_snapshot_takes_several_lines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_PART", 100)
    written, _ = counted(folder, "one")
    written.compact({"writer": f"{number}", "n": 1} for number in range(50))
    assert len(list(Lines(path(folder, 2)))) > 10
    _, counts = counted(folder, "two")
    assert len(counts.by_writer) == 50


def test_it_says_when_compaction_is_due(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "GROWN", 2000)
    written, counts = counted(folder, "one")
    due = [written.due]
    while not due[-1]:
        note(written, counts, "shop")
        due.append(written.due)
    assert 2000 < written.size < 2200
    written.compact(counts.records())
    due.append(written.due)
    assert due[-2:] == [True, False]
    assert written.size == path(folder, 2).stat().st_size


def test_a_replay_holds_a_line_at_a_time(folder: Path) -> None:
    written = opened(folder)
    for _ in range(200):
        write(written, "x" * 100_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in replay(folder, Json())) == 200
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


# Kinds


class Noted(Record):
    kind: Literal["noted"] = "noted"
    text: str
    more: tuple[int, ...] = ()


KINDS = Kinds([RunCreated, RunCancelled, StepChanged, Noted])
times = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 (hypothesis adds the zone)
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
records = st.one_of(
    st.builds(Noted, at=times, text=texts, more=st.lists(st.integers()).map(tuple)),
    st.builds(RunCancelled, at=times, run=st.integers(), by=texts),
    st.builds(
        RunCreated,
        at=times,
        run=st.integers(),
        application=texts,
        event=st.dictionaries(texts, values, max_size=3),
        config=texts,
        stages=st.just(()),
        problem=texts,
        by=texts,
        retry_of=st.none() | st.integers(),
    ),
)


@settings(max_examples=60, deadline=None)
@given(
    appended=st.lists(st.lists(records, max_size=4), max_size=6), cuts=st.sets(st.integers(0, 5))
)
def test_what_is_replayed_is_what_was_appended(
    tmp_path_factory: pytest.TempPathFactory, appended: list[list[Record]], cuts: set[int]
) -> None:
    """Over epochs, too: another copy takes over at each of `cuts`."""
    folder = tmp_path_factory.mktemp("journal") / "epochs"
    written = Journal.open(take(folder, "one"), KINDS, lambda _: None)
    for number, one in enumerate(appended):
        if number in cuts:
            written.close()
            written = Journal.open(take(folder, "next"), KINDS, lambda _: None)
        written.append(one)
    written.close()
    assert list(replay(folder, KINDS)) == [record for one in appended for record in one]


@given(body=st.binary(max_size=60), at=st.integers(0, 200), bit=st.integers(0, 7))
def test_a_line_with_one_wrong_bit_is_no_line(body: bytes, at: int, bit: int) -> None:
    raw = frame(3, b'"said":"%s"' % body.hex().encode())
    assert parse(raw) is not None
    at %= len(raw)
    assert parse(raw[:at] + bytes([raw[at] ^ (1 << bit)]) + raw[at + 1 :]) is None


@pytest.mark.parametrize(
    ("said", "what"),
    [
        ({"kind": "dreamt"}, "a record of the kind `dreamt`, which this version does not know"),
        (
            {"kind": "noted", "at": "2026-01-01T00:00:00Z", "text": "x", "mood": "y"},
            "`noted` is not",
        ),
        ({"kind": "noted", "at": "2026-01-01T00:00:00Z"}, "`noted` is not as this version knows"),
    ],
)
def test_records_of_a_newer_version_are_refused_in_words(
    folder: Path, said: Said, what: str
) -> None:
    opened(folder).append([said])
    with pytest.raises(UnknownRecord, match=what) as caught:
        list(replay(folder, KINDS))
    assert caught.value.where is not None
    assert caught.value.where.startswith(f"{path(folder)}, byte ")
    assert caught.value.fix == "run the version of beeyard that wrote it, or a newer one"


def test_what_could_not_be_read_again_is_not_written(folder: Path) -> None:
    class Stray(Record):
        kind: Literal["stray"] = "stray"

    written = Journal.open(take(folder, "one"), KINDS, lambda _: None)
    with pytest.raises(ValueError, match="Stray is no record that could be read again"):
        written.append([Stray(at=datetime.now(UTC))])
    assert list(replay(folder, KINDS)) == []


def test_two_records_of_one_kind_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two records of kind noted"):
        Kinds([Noted, Noted])
