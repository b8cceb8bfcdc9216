"""Deliveries that come twice, late, or in another order: each push once, and none over a newer."""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.controller.forges.deliveries import (
    GAPS,
    PASSED,
    Deliveries,
    Gap,
    Known,
    Remembered,
    Taken,
    Verdict,
    advance,
    decide,
    questions,
)
from beeyard.controller.forges.hook import Move
from beeyard.controller.forges.refusal import Replayed
from beeyard.errors import PipelineError
from beeyard.pipelines.event import Event
from controller.forges.payloads import NOTHING, UNHURRIED, Delivery, pull, push

A, B, C, D, E = (letter * 40 for letter in "abcde")
MAIN = "refs/heads/main"


@dataclass
class Repository:
    """Commits with their parents, as far as they are known."""

    parents: dict[str, str] = field(default_factory=dict)

    @classmethod
    def line(cls, *commits: str) -> "Repository":
        return cls(dict(itertools.pairwise(reversed(commits))))

    def is_ancestor(self, older: str, newer: str) -> bool:
        while newer:
            if newer == older:
                return True
            newer = self.parents.get(newer, "")
        return False


LINE = Repository.line(A, B, C, D, E)
NONE = Repository()


def told(
    moves: Sequence[tuple[str, str]], repository: Repository = NONE, known: Known | None = None
) -> list[Verdict]:
    """The verdicts on moves as they come in, from nothing known."""
    found = []
    for before, after in moves:
        move = Move(MAIN, before, after)
        asked = questions(move, known)

        def is_ancestor(older: str, newer: str, asked: tuple[tuple[str, str], ...] = asked) -> bool:
            assert (older, newer) in asked
            return repository.is_ancestor(older, newer)

        verdict = decide(move, known, is_ancestor)
        known = advance(move, known, verdict)
        found.append(verdict)
    return found


@pytest.mark.parametrize(
    ("moves", "verdicts"),
    [
        ([(A, B), (B, C), (C, D)], "go go go"),
        # The newer one came first.
        ([(A, B), (C, D), (B, C)], "go go older"),
        ([(B, C), (A, B)], "go older"),
        ([(A, B), (D, E), (C, D), (B, C)], "go go older older"),
        ([(A, B), (D, E), (B, C), (C, D)], "go go older older"),
        # The same once more: forged under another id, or sent by two webhooks.
        ([(A, B), (A, B)], "go same"),
        ([(A, B), (B, C), (A, B)], "go go older"),
        ([(A, B), (B, C), (A, B), (B, C)], "go go older same"),
        # Somebody sets the branch back, and forth again.
        ([(A, B), (B, A)], "go go"),
        ([(A, B), (B, A), (A, B)], "go go go"),
        ([(A, B), (B, C), (C, B), (B, D)], "go go go go"),
        # A delivery was lost; then the branch was set back.
        ([(A, B), (B, C), (D, B)], "go go go"),
        # A delivery was lost, and the next is as good as any.
        ([(A, B), (C, D), (D, E)], "go go go"),
        # Deleted, and made again.
        ([(A, B), (B, NOTHING), (NOTHING, B)], "go go go"),
        ([(NOTHING, A), (A, NOTHING), (NOTHING, B)], "go go go"),
        # The same, of which the making came first.
        ([(A, B), (NOTHING, C), (B, NOTHING)], "go go older"),
        # Deleted after moves that were lost.
        ([(A, B), (B, C), (B, NOTHING), (NOTHING, D)], "go go go go"),
        # The making of the branch comes last.
        ([(A, B), (B, C), (NOTHING, A)], "go go older"),
        ([(NOTHING, A), (NOTHING, A)], "go same"),
    ],
)
@pytest.mark.parametrize("repository", [NONE, LINE], ids=["nothing fetched", "all fetched"])
def test_the_verdict(moves: list[tuple[str, str]], verdicts: str, repository: Repository) -> None:
    assert told(moves, repository) == verdicts.split()


@pytest.mark.parametrize(
    ("moves", "verdicts"),
    [
        # Only the history tells that B, of which nothing was heard, is behind D.
        ([(C, D), (A, B)], "go older"),
        ([(A, B), (D, E), (C, D), (A, C)], "go go older older"),
        # A new branch of that name, at an old commit: not to be told from a late delivery.
        ([(C, D), (NOTHING, B)], "go older"),
    ],
)
def test_the_history_tells_where_deliveries_do_not(
    moves: list[tuple[str, str]], verdicts: str
) -> None:
    assert told(moves, LINE) == verdicts.split()


def test_a_rewritten_branch_is_ordered_by_what_was_delivered() -> None:
    """No commit is an ancestor of another: A was rewritten as B, and B as C."""
    assert told([(NOTHING, A), (B, C), (A, B)]) == ["go", "go", "older"]


def test_a_pull_request_of_which_the_forge_does_not_say_where_it_was() -> None:
    """Gitea does not."""
    assert told([("", A), ("", B), ("", B), ("", A)]) == ["go", "go", "same", "older"]
    assert told([("", B), ("", A)], LINE) == ["go", "older"]
    assert told([("", B), ("", C)], LINE) == ["go", "go"]


def test_of_a_deleted_branch_nobody_asks_for_the_history() -> None:
    assert questions(Move(MAIN, A, C), Known(NOTHING)) == ()


@dataclass
class Branch:
    """A history of a branch as a test makes it up: a line of commits, none of them twice."""

    moves: list[tuple[str, str]]
    repository: Repository


@st.composite
def branches(draw: st.DrawFn, *, forced: bool) -> Branch:
    """Each push adds a commit to the one before, or (`forced`) to some older one."""
    length = draw(st.integers(2, 8))
    commits = [f"{number:040x}" for number in range(1, length + 2)]
    parents: dict[str, str] = {}
    for index, commit in enumerate(commits[1:], 1):
        back = draw(st.integers(0, index - 1)) if forced else index - 1
        parents[commit] = commits[back]
    return Branch(list(itertools.pairwise([NOTHING, *commits])), Repository(parents))


@UNHURRIED
@given(branches(forced=True), st.booleans())
def test_in_their_order_all_go(branch: Branch, fetched: bool) -> None:
    assert set(told(branch.moves, branch.repository if fetched else NONE)) == {"go"}


@UNHURRIED
@given(branches(forced=False), st.data())
def test_in_any_order_and_any_number_the_newest_stays(branch: Branch, data: st.DataObject) -> None:
    """Nothing older runs after a newer one: verdicts `go` are in the order of the pushes."""
    moves = data.draw(
        st.permutations(branch.moves + data.draw(st.lists(st.sampled_from(branch.moves))))
    )
    went = [
        branch.moves.index(move)
        for move, verdict in zip(moves, told(moves, branch.repository), strict=True)
        if verdict == "go"
    ]
    assert went == sorted(set(went))
    assert went[-1] == len(branch.moves) - 1


@UNHURRIED
@given(branches(forced=True), st.data())
def test_two_that_change_places_do_no_harm_whatever_was_rewritten(
    branch: Branch, data: st.DataObject
) -> None:
    """Also where nothing of it was fetched."""
    first = data.draw(st.integers(0, len(branch.moves) - 2))
    moves = list(branch.moves)
    moves[first], moves[first + 1] = moves[first + 1], moves[first]
    verdicts = told(moves)
    assert verdicts[first + 1] == "older"
    assert all(verdict == "go" for at, verdict in enumerate(verdicts) if at != first + 1)


@UNHURRIED
@given(branches(forced=True), st.data())
def test_one_that_was_lost_holds_up_nothing(branch: Branch, data: st.DataObject) -> None:
    lost = data.draw(st.integers(0, len(branch.moves) - 1))
    moves = [move for at, move in enumerate(branch.moves) if at != lost]
    assert set(told(moves, branch.repository)) == {"go"}


def test_what_is_known_stays_small() -> None:
    known: Known | None = None
    for number in range(1, 1000):
        # No move begins where the one before ended.
        move = Move(MAIN, f"{2 * number:040x}", f"{2 * number + 1:040x}")
        known = advance(move, known, decide(move, known, NONE.is_ancestor))
    assert known is not None
    assert (len(known.passed), len(known.gaps)) == (PASSED, GAPS)


def test_a_gap_is_filled_from_both_ends() -> None:
    known = Known(E, (A,), (Gap(A, D),))
    for before, after, gaps in ((A, B, (Gap(B, D),)), (C, D, (Gap(B, C),)), (B, C, ())):
        known = advance(Move(MAIN, before, after), known, "older")
        assert known.gaps == gaps


@dataclass
class Controller:
    """The rest of the controller: counts runs. `broken`: it can't start one; `wants`: it does."""

    runs: list[Event] = field(default_factory=list)
    broken: bool = False
    wants: bool = True
    busy: Callable[[], None] = lambda: None
    repository: Repository = field(default_factory=Repository)

    async def start(self, event: Event) -> int | str:
        self.busy()
        await asyncio.sleep(0)
        if self.broken:
            raise PipelineError("no space left")
        if not self.wants:
            return "no pipeline wants it"
        self.runs.append(event)
        return len(self.runs)

    async def is_ancestor(self, application: str, older: str, newer: str) -> bool:
        await asyncio.sleep(0)
        return self.repository.is_ancestor(older, newer)


@dataclass
class Taking:
    """Deliveries as they are taken, one after another."""

    controller: Controller = field(default_factory=Controller)
    seen: Remembered = field(default_factory=Remembered)
    deliveries: Deliveries = field(init=False)

    def __post_init__(self) -> None:
        self.deliveries = Deliveries(self.seen, self.controller)

    def take(self, delivery: Delivery, application: str = "shop") -> Taken:
        async def scene() -> Taken:
            hook = delivery.received()
            return await self.deliveries.take(application, hook, self.controller.start)

        return asyncio.run(scene())


FORMS = ("github", "gitea", "forgejo", "gitlab", "gitlab-signed")


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

        async def never(event: Event) -> int:
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
    taking = Taking(seen=Remembered(deliveries=4, refs=2))
    taking.take(push("github", A, B, id="1"))
    taking.take(push("github", B, C, id="2"))
    for number in range(5):
        taking.take(push("github", id=f"d{number}", ref="refs/heads/dev", message=str(number)))
    assert not taking.seen.delivered("shop", "id:1")
    assert taking.take(push("github", A, B, id="1")).why.startswith("refs/heads/main has gone on")
    for branch in "xyz":
        taking.take(push("github", id=branch, ref=f"refs/heads/{branch}"))
    assert taking.seen.known("shop", MAIN) is None
