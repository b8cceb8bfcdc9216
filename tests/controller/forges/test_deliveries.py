"""Deliveries that come twice, late, or in another order: each push once, and none over a newer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from beeyard.controller.forges.deliveries import (
    Deliveries,
    Note,
    Remembered,
    Taken,
)
from beeyard.controller.forges.refusal import Replayed
from beeyard.errors import PipelineError
from beeyard.pipelines.event import Event
from controller.forges.payloads import FORMS, NOTHING, Delivery, pull, push
from controller.forges.test_order import LINE, MAIN, A, B, C, D, Repository


@dataclass
class Controller:
    """The rest of the controller: counts runs. `broken`: it can't start one; `wants`: it does."""

    runs: list[Event] = field(default_factory=list)
    broken: bool = False
    wants: bool = True
    busy: Callable[[], None] = lambda: None
    repository: Repository = field(default_factory=Repository)
    seen: Remembered = field(default_factory=Remembered)

    async def start(self, event: Event, note: Note) -> int | str:
        self.busy()
        await asyncio.sleep(0)
        if self.broken:
            raise PipelineError("no space left")
        if not self.wants:
            return "no pipeline wants it"
        self.runs.append(event)
        self.seen.apply(note)
        return len(self.runs)

    async def is_ancestor(self, application: str, older: str, newer: str) -> bool:
        await asyncio.sleep(0)
        return self.repository.is_ancestor(older, newer)


@dataclass
class Taking:
    """Deliveries as they are taken, one after another."""

    controller: Controller = field(default_factory=Controller)
    deliveries: Deliveries = field(init=False)

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.seen, self.controller)

    @property
    def seen(self) -> Remembered:
        return self.controller.seen

    def take(self, delivery: Delivery, application: str = "shop") -> Taken:
        async def scene() -> Taken:
            hook = delivery.received()
            return await self.deliveries.take(application, hook, self.controller.start)

        return asyncio.run(scene())


@pytest.mark.parametrize("form", FORMS)
def test_the_same_delivery_is_refused(form: str) -> None:
    taking = Taking()
    assert taking.take(push(form)) == Taken(1)
    with pytest.raises(Replayed):
        taking.take(push(form))
    assert len(taking.controller.runs) == 1


@pytest.mark.parametrize("form", ["github", "gitea", "forgejo"])
def test_a_new_id_does_not_make_an_old_delivery_new(form: str) -> None:
    """The id is not signed: whoever has caught a delivery can give it another."""
    taking = Taking()
    taking.take(push(form, A, B, id="1"))
    taking.take(push(form, B, A, id="2"))
    with pytest.raises(Replayed):
        taking.take(push(form, A, B, id="3"))
    assert [run.commit for run in taking.controller.runs] == [B, A]


@pytest.mark.parametrize("form", FORMS)
def test_a_commit_runs_once_for_a_ref_however_often_it_is_told(form: str) -> None:
    taking = Taking()
    taking.take(push(form, id="1"))
    again = taking.take(push(form, id="2", message="the same, with other words"))
    assert again.run is None
    assert again.why.startswith("refs/heads/main is at bbbbbbbbbbbb already")
    assert taking.take(push(form, id="3", ref="refs/heads/dev")).run == 2, "another ref is"
    assert len(taking.controller.runs) == 2


@pytest.mark.parametrize("form", FORMS)
def test_an_older_push_that_comes_late_starts_nothing(form: str) -> None:
    taking = Taking()
    taking.take(push(form, A, B, id="1"))
    taking.take(push(form, C, D, id="3"))
    late = taking.take(push(form, B, C, id="2"))
    assert late == Taken(None, "refs/heads/main has gone on since it was at cccccccccccc")
    assert [run.commit for run in taking.controller.runs] == [B, D]


def test_the_history_is_asked_for() -> None:
    taking = Taking(Controller(repository=LINE))
    taking.take(push("github", C, D))
    assert taking.take(push("github", A, B, id="2")).run is None


def test_each_application_has_its_own() -> None:
    taking = Taking()
    assert taking.take(push("github"), "shop").run == 1
    assert taking.take(push("github"), "bakery").run == 2


def test_what_could_not_be_started_may_come_again() -> None:
    taking = Taking(Controller(broken=True))
    with pytest.raises(PipelineError):
        taking.take(push("github"))
    taking.controller.broken = False
    assert taking.take(push("github")).run == 1


def test_what_no_pipeline_wants_is_known_all_the_same() -> None:
    taking = Taking(Controller(wants=False))
    assert taking.take(push("github")) == Taken(None, "no pipeline wants it")
    with pytest.raises(Replayed):
        taking.take(push("github"))


def test_what_is_skipped_moves_the_branch() -> None:
    taking = Taking()
    taking.take(push("github", A, B, id="1"))
    assert "[ci skip]" in taking.take(push("github", C, D, id="3", message="[ci skip]")).why
    assert taking.take(push("github", B, C, id="2")).run is None, "it is older than the skipped one"


def test_a_deleted_branch_may_come_again_at_the_same_commit() -> None:
    taking = Taking()
    taking.take(push("github", A, B, id="1"))
    assert taking.take(push("github", B, NOTHING, id="2")).why == "refs/heads/main was deleted"
    assert taking.take(push("github", NOTHING, B, id="3")).run == 2


def test_pings_may_come_as_often_as_they_like() -> None:
    taking = Taking()
    ping = Delivery("github", "ping", {})
    assert taking.take(ping) == taking.take(ping)
    assert taking.take(ping).why.startswith("pong")


def test_a_pull_request_runs_once_for_each_head() -> None:
    taking = Taking()
    assert taking.take(pull("github", "opened", B, id="1")).run == 1
    assert taking.take(pull("github", "reopened", B, id="2")).run is None
    assert taking.take(pull("github", "synchronize", C, before=B, id="3")).run == 2
    assert taking.take(pull("github", "reopened", D, id="4")).run == 3, "pushed while it was closed"


def test_many_at_once_start_one() -> None:
    """Twenty times the same, each under an id of its own, at the same moment."""
    taking = Taking()

    async def scene() -> list[Taken]:
        hooks = [push("gitlab", id=str(number)).received() for number in range(20)]
        takes = [taking.deliveries.take("shop", hook, taking.controller.start) for hook in hooks]
        return await asyncio.gather(*takes)

    assert sorted(taken.run or 0 for taken in asyncio.run(scene())) == [0] * 19 + [1]


def test_applications_do_not_wait_for_each_other() -> None:
    """One whose start does not come to its end holds up only its own."""

    async def scene() -> Taken:
        deliveries = Deliveries(Remembered(), Controller())
        begun = asyncio.Event()

        async def never(event: Event, note: Note) -> int:
            begun.set()
            await asyncio.Event().wait()
            return 0

        hook = push("github").received()
        slow = asyncio.create_task(deliveries.take("slow", hook, never))
        await begun.wait()
        try:
            return await asyncio.wait_for(deliveries.take("shop", hook, Controller().start), 5)
        finally:
            slow.cancel()

    assert asyncio.run(scene()) == Taken(1)


def test_memory_is_bounded_and_what_was_forgotten_is_still_old() -> None:
    taking = Taking(Controller(seen=Remembered(deliveries=4, refs=2)))
    taking.take(push("github", A, B, id="1"))
    taking.take(push("github", B, C, id="2"))
    for number in range(5):
        taking.take(push("github", id=f"d{number}", ref="refs/heads/dev", message=str(number)))
    assert not taking.seen.delivered("shop", "id:1")
    assert taking.take(push("github", A, B, id="1")).why.startswith("refs/heads/main has gone on")
    for branch in "xyz":
        taking.take(push("github", id=branch, ref=f"refs/heads/{branch}"))
    assert taking.seen.known("shop", MAIN) is None
