"""What the controller does by itself, and when it ends by itself."""

import asyncio
import resource
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from beeyard.audit.chain import entries
from beeyard.audit.entry import Entry, Who
from beeyard.controller.__main__ import given
from beeyard.controller.audit_inbox import drop
from beeyard.controller.epochs import claim, latest
from beeyard.controller.passwords import Busy, PasswordThreads
from beeyard.controller.records import Record
from beeyard.controller.service import Service
from beeyard.waiting import SystemClock, wait_until
from controller.serving import Controller, controller, prepare


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Controller]:
    with controller(tmp_path / "own") as made:
        yield made


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A copy within this process, that serves nobody."""
    prepare(tmp_path)
    lease = claim(tmp_path / "data/epochs", "a test")
    made = Service(given(tmp_path / "data", tmp_path / "secrets"), lease)
    yield made
    made.password_threads.close()
    made.journal.close()
    made.audit.close()
    lease.release()


def await_end(made: Controller) -> int | None:
    process = made.process
    assert process is not None
    wait_until(lambda: process.poll() is not None, clock=SystemClock(), deadline=15, interval=0.05)
    made.process = None
    return process.returncode


def test_a_copy_that_can_write_no_more_ends(own: Controller) -> None:
    """No file may grow: so the heartbeat, written over, still works, and no record does."""
    assert own.process is not None
    resource.prlimit(own.process.pid, resource.RLIMIT_FSIZE, (64, 64))
    with own.api() as api:
        assert not api.put("/api/users/ada", json={"role": "viewer"}).is_success
    assert await_end(own) == 1


def test_a_copy_that_was_followed_ends(own: Controller) -> None:
    epochs = own.folder / "data/epochs"
    (epochs / f"{latest(epochs):08d}" / "successor").write_text("2\n")
    assert await_end(own) == 1
    assert "is not the active one any more" in own.said()


def test_an_inbox_that_cant_be_read_is_tried_again(
    service: Service, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "data/audit"
    (folder / "inbox").write_text("no folder")
    asyncio.run(service._take_entries())
    assert "it is tried again" in caplog.text
    (folder / "inbox").unlink()
    drop(folder, Entry(Who("olga", "admin", "cli"), "deploy", "shop"))
    asyncio.run(service._take_entries())
    assert [said["on"] for said in entries(folder)][-1] == "shop"


def test_others_go_on_while_the_journal_is_compacted(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on, compact = threading.Event(), threading.Event(), service.journal.compact

    def slow(records: Iterable[Record]) -> None:
        begun.set()
        assert go_on.wait(10), "nobody else came to run"
        compact(records)

    monkeypatch.setattr(service.journal, "compact", slow)

    async def beside() -> None:
        compacting = asyncio.create_task(service._compact())
        await asyncio.to_thread(begun.wait, 10)
        changing = asyncio.create_task(
            asyncio.to_thread(service.state.accounts.add_user, "ada", "viewer")
        )
        assert not (await asyncio.wait({changing}, timeout=0.1))[0]
        go_on.set()
        await compacting
        await changing

    before = service.journal.lease.epoch
    asyncio.run(beside())
    assert service.journal.lease.epoch == before + 1
    assert [user.name for user in service.state.accounts.users()] == ["ada"]


def test_who_tries_many_passwords_holds_up_nobody_else() -> None:
    async def many() -> None:
        threads, go_on = PasswordThreads(waiting=4), threading.Event()
        try:
            tries = [asyncio.create_task(threads.run(lambda: go_on.wait(10))) for _ in range(4)]
            await asyncio.sleep(0)
            with pytest.raises(Busy):
                await threads.run(lambda: True)
            assert await asyncio.wait_for(asyncio.to_thread(lambda: 7), 5) == 7
            go_on.set()
            assert await asyncio.gather(*tries) == [True] * 4
            assert await threads.run(lambda: True)
        finally:
            go_on.set()
            threads.close()

    asyncio.run(many())
