"""The audit log: a chain in which every change shows."""

import hashlib
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beeyard.audit.chain import Chain, Problem, chain_files, compare, entries, recent, verify
from beeyard.audit.entry import CUT, NOTHING, OPENED, Entry, Head, Plain, Who
from beeyard.controller.audit import Audit, AuditFailed
from beeyard.controller.epochs import LeaseLost
from beeyard.secret import Secret

ANNA = Who("anna", "operator", "page")


@dataclass
class Fenced:
    """A lease as the audit log sees it."""

    epoch: int = 1
    lost: bool = False

    def check(self) -> None:
        if self.lost:
            raise LeaseLost("another copy is the active one")

    def give_up(self, why: str, /) -> None:
        self.lost = True


def entry(number: int = 1, **details: Plain) -> Entry:
    return Entry(ANNA, "secret.set", f"shop/TOKEN_{number}", request=f"r{number}", details=details)


def written(folder: Path, *, epochs: int = 1, each: int = 5, full: int = 600) -> Head:
    """A log over several epochs and files; gives its head."""
    head = Head()
    for epoch in range(1, epochs + 1):
        audit = Audit.open(folder, Fenced(epoch), full=full)
        for number in range(each):
            head = audit.append(entry(number))
        audit.close()
    return head


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def only(chain: Chain) -> Problem:
    (problem,) = chain.problems
    return problem


def test_an_entry_says_who_what_on_what_when_and_what_came_of_it(folder: Path) -> None:
    audit = Audit.open(folder, Fenced())
    at = datetime(2026, 5, 1, 14, 30, tzinfo=timezone(timedelta(hours=2)))
    audit.append(replace(entry(allow_pull_request=True, size=12), at=at, outcome="refused"))

    first, second = entries(folder)

    assert first["what"] == OPENED
    assert first["previous"] == NOTHING
    assert {key: value for key, value in second.items() if key != "hash"} == {
        "n": 2,
        "previous": first["hash"],
        "at": "2026-05-01T12:30:00+00:00",
        "user": "anna",
        "role": "operator",
        "via": "page",
        "what": "secret.set",
        "on": "shop/TOKEN_1",
        "outcome": "refused",
        "request": "r1",
        "details": {"allow_pull_request": True, "size": 12},
    }


def test_the_hash_is_of_the_canonical_json(folder: Path) -> None:
    written(folder, each=1)
    raw = chain_files(folder)[0].read_bytes().splitlines()[1]
    said = json.loads(raw)
    digest = said.pop("hash")
    body = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
    assert digest == hashlib.sha256(body).hexdigest()
    assert raw == b'{"hash":"%s",' % digest.encode() + body[1:]


def test_no_secret_enters_it(folder: Path) -> None:
    secret = Secret("s3cret-value")
    who = Who("anna", "admin", "api")
    audit = Audit.open(folder, Fenced())
    audit.append(
        Entry(who, "secret.set", f"shop/{secret}", details={"value": secret, "plain": "x"})
    )
    raw = b"".join(path.read_bytes() for path in chain_files(folder))
    assert b"s3cret" not in raw
    assert list(entries(folder))[-1]["details"] == {"value": "***", "plain": "x"}


def test_long_text_is_cut(folder: Path) -> None:
    audit = Audit.open(folder, Fenced())
    audit.append(entry(message="x" * (CUT + 1)))
    assert list(entries(folder))[-1]["details"]["message"].endswith(f"x… ({CUT + 1} characters)")


def test_it_goes_on_over_files_and_epochs(folder: Path) -> None:
    head = written(folder, epochs=3, each=8)
    names = [path.name for path in chain_files(folder)]
    assert len(names) > 6
    assert names[0] == "00000001-000001.jsonl"
    assert all(path.stat().st_size < 1200 for path in chain_files(folder))

    chain = verify(folder, head)

    assert chain == Chain(head, (), (), {head.entries: head.hash})
    assert [said["n"] for said in entries(folder)] == list(range(1, head.entries + 1))
    assert sum(said["what"] == "secret.set" for said in entries(folder)) == 24


def test_the_newest_entries_come_first(folder: Path) -> None:
    head = written(folder, epochs=3)
    last = recent(folder, 7)
    assert [said["n"] for said in last] == list(range(head.entries, head.entries - 7, -1))
    assert len(recent(folder, 1000)) == head.entries


def test_an_empty_log_verifies(folder: Path) -> None:
    folder.mkdir()
    assert verify(folder) == Chain(Head(), (), (), {})
    assert only(verify(folder, Head(3, "x"))).what == "3 entries are gone: there were 3"


# What a copy that is not the active one any more leaves behind


def test_what_a_copy_adds_after_it_was_followed_is_no_part_of_the_chain(folder: Path) -> None:
    old = Fenced()
    stale = Audit.open(folder, old)
    stale.append(entry(1))
    active = Audit.open(folder, Fenced(2))
    old.lost = True

    with pytest.raises(LeaseLost):
        stale.append(entry(666))

    head = active.append(entry(2))
    chain = verify(folder, head)
    assert (chain.head, chain.problems) == (head, ())
    assert [left.file for left in chain.left_out] == ["00000001-000001.jsonl"]
    assert "shop/TOKEN_666" not in {said["on"] for said in entries(folder)}
    with pytest.raises(AuditFailed, match="takes no more entries"):
        stale.append(entry(667))
    assert stale.head().entries == 2, "what it is not sure of is no head"


def test_a_file_that_such_a_copy_begins_is_no_part_either(folder: Path) -> None:
    old = Fenced()
    stale = Audit.open(folder, old, full=1)
    head = Audit.open(folder, Fenced(2)).append(entry(2))
    old.lost = True
    with pytest.raises(LeaseLost):
        stale.append(entry(666))
    chain = verify(folder, head)
    assert (chain.head, chain.problems) == (head, ())
    assert [left.file for left in chain.left_out] == ["00000001-000002.jsonl"]


def test_an_entry_that_was_cut_off_at_any_byte_is_left_out(folder: Path) -> None:
    head = written(folder, each=2, full=10_000)
    (file,) = chain_files(folder)
    whole = file.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for cut in range(last, len(whole)):
        file.write_bytes(whole[:cut])
        chain = verify(folder)
        assert chain.head.entries == head.entries - 1
        assert chain.problems == ()
        assert sum(left.bytes for left in chain.left_out) == cut - last
        # The head that was kept elsewhere tells.
        assert only(verify(folder, head)).what == f"1 entry is gone: there were {head.entries}"


def test_who_follows_goes_on_before_what_was_cut_off(folder: Path) -> None:
    written(folder, each=2, full=10_000)
    (file,) = chain_files(folder)
    file.write_bytes(file.read_bytes()[:-7])
    head = Audit.open(folder, Fenced(2)).append(entry(3))
    chain = verify(folder, head)
    assert chain.problems == ()
    assert len(chain.left_out) == 1
    assert [said["on"][-1] for said in entries(folder) if said["what"] != OPENED] == ["0", "3"]


def test_a_first_entry_that_was_cut_off_is_passed_over(folder: Path) -> None:
    head = written(folder, each=2)
    (folder / "00000002-000001.jsonl").write_bytes(b'{"hash":"')
    assert verify(folder, head).problems == ()
    assert Audit.open(folder, Fenced(3)).head().entries == head.entries + 1


def test_what_can_not_be_written_is_said_and_nothing_more_is_taken(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Fenced()
    audit = Audit.open(folder, lease)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(AuditFailed, match="could not be written"):
            audit.append(entry())
    with pytest.raises(AuditFailed) as caught:
        audit.append(entry())
    assert "No space left" in str(caught.value.why)
    assert audit.head().entries == 1
    assert lease.lost, "nor does it look alive any more"


def test_a_file_that_is_lost_is_found_out_before_somebody_writes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = Fenced()
    audit = Audit.open(folder, lease)
    head = audit.append(entry())
    audit.look()

    def lost(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", lost)
    with audit._one:
        audit.look()  # Whoever writes finds out by himself, and is not waited for.
    lease.check()
    with pytest.raises(AuditFailed, match="could not be written"):
        audit.look()
    assert lease.lost
    assert verify(folder, head).problems == ()


# Tampering


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Head]:
    """A log of two epochs and several files, to be copied and tampered with."""
    folder = tmp_path_factory.mktemp("log") / "audit"
    return folder, written(folder, epochs=2, each=6, full=1000)


@pytest.fixture(scope="module")
def lines(log: tuple[Path, Head]) -> list[tuple[str, bytes]]:
    return [
        (path.name, raw)
        for path in chain_files(log[0])
        for raw in path.read_bytes().splitlines(keepends=True)
    ]


def tampered(lines: list[tuple[str, bytes]], folder: Path) -> None:
    """Write the lines into their files anew."""
    for path in chain_files(folder) if folder.exists() else []:
        path.unlink()
    folder.mkdir(exist_ok=True)
    for name, raw in lines:
        with (folder / name).open("ab") as file:
            file.write(raw)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_any_entry_is_found(
    data: st.DataObject,
    log: tuple[Path, Head],
    lines: list[tuple[str, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "changed"
    at = data.draw(st.integers(0, len(lines) - 1), label="entry")
    name, raw = lines[at]
    byte = data.draw(st.integers(0, len(raw) - 1), label="byte")
    new = data.draw(st.integers(0, 255).filter(lambda new: new != raw[byte]), label="new")
    changed = raw[:byte] + bytes([new]) + raw[byte + 1 :]
    tampered([*lines[:at], (name, changed), *lines[at + 1 :]], folder)

    problems = verify(folder, log[1]).problems

    assert problems
    assert problems[0].entry == at + 1


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_removal_is_found(
    data: st.DataObject,
    log: tuple[Path, Head],
    lines: list[tuple[str, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "removed"
    first = data.draw(st.integers(0, len(lines) - 1), label="first")
    last = data.draw(st.integers(first, len(lines) - 1), label="last")
    tampered(lines[:first] + lines[last + 1 :], folder)

    problems = verify(folder, log[1]).problems

    assert problems
    assert problems[0].entry <= first + 1


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_swap_is_found(
    data: st.DataObject,
    log: tuple[Path, Head],
    lines: list[tuple[str, bytes]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.getbasetemp() / "swapped"
    one = data.draw(st.integers(0, len(lines) - 2), label="one")
    other = data.draw(st.integers(one + 1, len(lines) - 1), label="other")
    swapped = list(lines)
    swapped[one], swapped[other] = (
        (lines[one][0], lines[other][1]),
        (lines[other][0], lines[one][1]),
    )
    tampered(swapped, folder)
    problems = verify(folder, log[1]).problems
    assert problems
    assert problems[0].entry <= one + 1


def test_it_says_what_was_removed(folder: Path) -> None:
    head = written(folder, each=6, full=10_000)
    (file,) = chain_files(folder)
    raw = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([raw[0], *raw[3:]]))
    problem = only(verify(folder, head))
    assert problem == Problem(
        2, f"00000001-000001.jsonl, byte {len(raw[0])}", "before entry 4, 2 are gone"
    )


def test_a_whole_file_that_is_gone_is_named(log: tuple[Path, Head], tmp_path: Path) -> None:
    folder = shutil.copytree(log[0], tmp_path / "audit")
    files = chain_files(folder)
    files[1].unlink()
    found = verify(folder, log[1]).problems
    assert (found[0].what, found[0].where) == ("the file is gone", f"{files[1].name}, byte 0")


def test_a_shortened_end_shows_against_the_head(log: tuple[Path, Head], tmp_path: Path) -> None:
    folder = shutil.copytree(log[0], tmp_path / "audit")
    chain_files(folder)[-1].unlink()
    shorter = verify(folder)
    assert shorter.problems == ()
    gone = log[1].entries - shorter.head.entries
    problem = only(verify(folder, log[1]))
    assert problem.entry == shorter.head.entries + 1
    assert problem.what.startswith(f"{gone} entr")


def test_a_log_that_was_made_anew_shows_against_the_head(
    log: tuple[Path, Head], tmp_path: Path
) -> None:
    head = written(tmp_path / "audit", epochs=2, each=9, full=1000)
    assert verify(tmp_path / "audit", head).problems == ()
    assert "is another than was written" in only(verify(tmp_path / "audit", log[1])).what


def test_an_earlier_head_is_good_where_the_log_went_on(log: tuple[Path, Head]) -> None:
    hashes = {said["n"]: said["hash"] for said in entries(log[0])}
    assert verify(log[0], Head(3, hashes[3]), log[1]).problems == ()
    assert only(verify(log[0], Head(3, hashes[4]), log[1])).entry == 3


def test_a_head_of_nothing_says_nothing() -> None:
    assert compare(Head(), Chain(Head(), (), (), {})) is None


def test_a_new_copy_goes_on_though_the_chain_was_broken(
    log: tuple[Path, Head], tmp_path: Path
) -> None:
    """Whoever damages an entry must not be able to keep the controller from starting; nor is it
    covered up."""
    folder = shutil.copytree(log[0], tmp_path / "audit")
    file = chain_files(folder)[-1]
    raw = file.read_bytes()
    at = raw.find(b"anna")
    file.write_bytes(raw.replace(b"anna", b"otto", 1))
    head = Audit.open(folder, Fenced(3)).append(entry(9))
    found = verify(folder, head, log[1]).problems
    assert len(found) == 1
    assert found[0].where.startswith(file.name)
    assert int(found[0].where.rpartition(" ")[2]) < at


@pytest.mark.parametrize(
    "forged",
    [
        lambda said: said | {"n": "7"},
        lambda said: said | {"n": True},
        lambda said: said | {"details": {"file": "../../../etc/passwd", "bytes": 10}},
        lambda said: said | {"details": {"file": "99999999-000001.jsonl", "bytes": 10}},
        lambda said: said | {"details": {"file": said["on"], "bytes": 10}},
        lambda said: said | {"details": {"file": 7, "bytes": "x"}},
        lambda said: said | {"details": []},
    ],
)
def test_a_forged_first_entry_is_found_and_leads_nowhere(
    log: tuple[Path, Head],
    lines: list[tuple[str, bytes]],
    folder: Path,
    forged: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    """With a hash that is right for what it says."""
    last = max(number for number, (_, raw) in enumerate(lines) if OPENED.encode() in raw)
    said = json.loads(lines[last][1])
    del said["hash"]
    body = json.dumps(forged(said), sort_keys=True, separators=(",", ":")).encode()
    raw = b'{"hash":"%s",%s\n' % (hashlib.sha256(body).hexdigest().encode(), body[1:])
    tampered([*lines[:last], (lines[last][0], raw), *lines[last + 1 :]], folder)
    assert verify(folder, log[1]).problems
    Audit.open(folder, Fenced(9)).append(entry())


def test_verifying_takes_little_memory(tmp_path: Path) -> None:
    audit = Audit.open(tmp_path / "audit", Fenced())
    for _ in range(20):
        head = audit.append(*(entry(number, note="x" * 1000) for number in range(200)))
    tracemalloc.start()
    try:
        assert verify(tmp_path / "audit", head).problems == ()
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_moment_is_kept_in_utc(folder: Path) -> None:
    audit = Audit.open(folder, Fenced())
    audit.append(entry(expires=datetime(2026, 1, 1, tzinfo=UTC)))
    assert list(entries(folder))[-1]["details"] == {"expires": "2026-01-01T00:00:00+00:00"}
