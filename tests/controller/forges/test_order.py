"""What is decided on moves of a ref, in whatever order they come."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.controller.forges.deliveries import (
    GAPS,
    PASSED,
    Gap,
    Known,
    Verdict,
    advance,
    decide,
    questions,
)
from beeyard.controller.forges.hook import Move
from controller.forges.payloads import NOTHING, UNHURRIED

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
