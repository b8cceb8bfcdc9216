"""Each push once, and none over a newer one: deliveries come twice, late, and in any order.

A branch is a chain of moves, each from one commit to the next. Where a move does not begin at the
head that we know, deliveries are missing between: a gap, of which both ends are known. What comes
later and fills a gap is older than the head.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from beeyard.controller.forges.hook import Hook, Move, is_nothing
from beeyard.controller.forges.refusal import Replayed
from beeyard.pipelines.event import Event

#: How many former heads, and gaps, of a ref are remembered.
PASSED, GAPS = 64, 8

Verdict = Literal["go", "same", "older"]
IsAncestor = Callable[[str, str], bool]


@dataclass(frozen=True)
class Gap:
    """Moves that were not delivered yet lead from `start` (empty: nobody knows) to `end`."""

    start: str
    end: str


@dataclass(frozen=True)
class Known:
    """What is known of a ref.

    head    the commit it is at; zeros where it was deleted
    passed  commits that it was at before, the newest last
    """

    head: str
    passed: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


def decide(move: Move, known: Known | None, is_ancestor: IsAncestor) -> Verdict:
    """Whether something may run for a move.

    go     it is the newest that we know of
    same   the ref is there already: one run for a commit and a ref
    older  the ref has gone on since

    `is_ancestor(older, newer)` may be asked for the pairs that `questions` gives, and is False
    where a commit is not known. A branch that somebody sets back goes on, as that move begins at
    its head; what can't be told apart from a late delivery does not run.
    """
    if known is None:
        return "go"
    plain = _plainly(move, known)
    if plain is not None:
        return plain

    def is_old(commit: str) -> bool:
        return commit in known.passed or (
            not is_nothing(known.head) and is_ancestor(commit, known.head)
        )

    began_before = not move.before or is_nothing(move.before) or is_old(move.before)
    return "older" if began_before and not move.gone and is_old(move.after) else "go"


def questions(move: Move, known: Known | None) -> tuple[tuple[str, str], ...]:
    """The pairs for which `decide` asks whether the first is an ancestor of the second."""
    if known is None or _plainly(move, known) is not None or is_nothing(known.head):
        return ()
    commits = (one for one in (move.after, move.before) if one and not is_nothing(one))
    return tuple((one, known.head) for one in commits if one not in known.passed)


def advance(move: Move, known: Known | None, verdict: Verdict) -> Known:
    """What is known of the ref with that move."""
    if known is None:
        before = move.before
        begun = not before or is_nothing(before)
        return Known(move.after, _with((), before), () if begun else (Gap("", before),))
    if verdict == "same":
        return known
    if verdict == "older":
        passed = _with(known.passed, move.before, move.after)
        return replace(known, passed=passed, gaps=_filled(known.gaps, move))
    gaps = known.gaps
    if move.before and move.before != known.head:
        gaps = (*gaps, Gap(known.head, move.before))[-GAPS:]
    return Known(move.after, _with(known.passed, known.head, move.before), gaps)


def _plainly(move: Move, known: Known) -> Verdict | None:
    """The verdict where the ends of moves give it; None if they do not."""
    if move.after == known.head:
        return "same"
    if move.before == known.head:
        return "go"
    fills = any(
        move.after == gap.end or (move.before and move.before == gap.start) for gap in known.gaps
    )
    return "older" if fills else None


def _filled(gaps: tuple[Gap, ...], move: Move) -> tuple[Gap, ...]:
    """The gaps without what a late move covers of them."""
    left = []
    for gap in gaps:
        start = move.after if gap.start == move.before else gap.start
        end = move.before if gap.end == move.after and start == gap.start else gap.end
        if start != end:
            left.append(Gap(start, end))
    return tuple(left)


def _with(passed: tuple[str, ...], *commits: str) -> tuple[str, ...]:
    new = [one for one in commits if one and not is_nothing(one)]
    return (*(one for one in passed if one not in new), *dict.fromkeys(new))[-PASSED:]


@dataclass(frozen=True)
class Note:
    """What is kept of a delivery that was taken: its names, and what is known of its ref then; both
    or neither."""

    application: str
    names: tuple[str, ...]
    ref: str
    known: Known


class Seen(Protocol):
    """What is kept of deliveries, also when the controller moves. All of an application's are
    handled one after another."""

    def delivered(self, application: str, name: str) -> bool:
        """Whether a delivery of that name was taken."""
        ...

    def known(self, application: str, ref: str) -> Known | None:
        """What is known of a ref; None if nothing is."""
        ...

    async def remember(self, note: Note) -> None:
        """A delivery was taken, for which nothing runs. Returns once that is kept."""
        ...


@dataclass
class Remembered:
    """`Seen` in memory, which forgets the oldest: of `deliveries` names and `refs` refs.

    A replay that was forgotten still meets `decide`, which knows the head.
    """

    deliveries: int = 10_000
    refs: int = 2_000
    _names: OrderedDict[tuple[str, str], None] = field(default_factory=OrderedDict)
    _known: OrderedDict[tuple[str, str], Known] = field(default_factory=OrderedDict)

    def delivered(self, application: str, name: str) -> bool:
        return (application, name) in self._names

    def known(self, application: str, ref: str) -> Known | None:
        return self._known.get((application, ref))

    def names(self) -> dict[str, list[str]]:
        """The names of deliveries that are remembered, by application, the oldest first."""
        found: dict[str, list[str]] = defaultdict(list)
        for application, name in self._names:
            found[application].append(name)
        return found

    def refs_known(self) -> dict[tuple[str, str], Known]:
        """What is known, by application and ref."""
        return dict(self._known)

    async def remember(self, note: Note) -> None:
        self.apply(note)

    def apply(self, note: Note) -> None:
        """The same at once: for who reads it back from where it is kept."""
        at = (note.application, note.ref)
        for name in note.names:
            self._names[note.application, name] = None
        self._known[at] = note.known
        self._known.move_to_end(at)
        while len(self._names) > self.deliveries:
            self._names.popitem(last=False)
        while len(self._known) > self.refs:
            self._known.popitem(last=False)


class Ancestry(Protocol):
    """What the application's repository knows."""

    async def is_ancestor(self, application: str, older: str, newer: str) -> bool:
        """Whether `newer` has `older` in its history. False where one of them is not known."""
        ...


#: Gives the run's number, or why there is none. With a run it keeps the note: both or neither.
Start = Callable[[Event, Note], Awaitable[int | str]]


@dataclass(frozen=True)
class Taken:
    """What became of a delivery: the run's number; or None, and why there is none."""

    run: int | None
    why: str = ""


@dataclass
class Deliveries:
    """Takes the deliveries of all applications, of each one after another."""

    seen: Seen
    ancestry: Ancestry
    _turns: defaultdict[str, asyncio.Lock] = field(
        default_factory=lambda: defaultdict(asyncio.Lock)
    )

    async def take(self, application: str, hook: Hook, start: Start) -> Taken:
        """Start what a genuine delivery asks for, if it is the first of its kind and the newest.

        Raises Replayed, and whatever `start` raises: then it is as if it had not come, so that the
        forge's user can have it delivered again.
        """
        if hook.move is None:
            return Taken(None, hook.why)
        async with self._turns[application]:
            if any(self.seen.delivered(application, name) for name in hook.names):
                raise Replayed(
                    "this delivery was taken before",
                    where=application,
                    fix="to run it once more: `beeyard pipeline retry N`",
                )
            known = self.seen.known(application, hook.move.ref)
            verdict = await self._decide(application, hook.move, known)
            news = advance(hook.move, known, verdict)
            note = Note(application, hook.names, hook.move.ref, news)
            taken = await _started(hook, hook.move, verdict, note, start)
            if taken.run is None:
                await self.seen.remember(note)
            return taken

    async def _decide(self, application: str, move: Move, known: Known | None) -> Verdict:
        answers = {
            pair: await self.ancestry.is_ancestor(application, *pair)
            for pair in questions(move, known)
        }
        return decide(move, known, lambda older, newer: answers[older, newer])


async def _started(hook: Hook, move: Move, verdict: Verdict, note: Note, start: Start) -> Taken:
    if verdict == "same":
        return Taken(None, f"{move.ref} is at {move.after[:12]} already, as a delivery before said")
    if verdict == "older":
        return Taken(None, f"{move.ref} has gone on since it was at {move.after[:12]}")
    if hook.event is None:
        return Taken(None, hook.why)
    begun = await start(hook.event, note)
    return Taken(None, begun) if isinstance(begun, str) else Taken(begun)
