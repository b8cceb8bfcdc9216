"""Every occurrence of many texts in a stream of bytes, in one pass.

The automaton is that of Aho and Corasick ("Efficient string matching", CACM 18, 1975): its state is
the longest end of what was read that begins one of the texts, so no byte is looked at again. The
texts' beginnings, three bytes each, are searched for by a regular expression first, which is many
times faster where there is nothing to find.
"""

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator

#: From the first byte to behind the last, counted from the start of the stream.
Span = tuple[int, int]


_BEGINNING = 3


class Automaton:
    """Built once for some texts, of three bytes or more, and used by any number of searches.

    A state that has one byte to go on with, as nearly all have, costs a few bytes of memory.
    """

    def __init__(self, texts: Iterable[bytes]) -> None:
        wanted = sorted({text for text in texts if len(text) >= _BEGINNING})
        self.longest = max(map(len, wanted), default=0)
        self.depth = array("l", [0])
        self._next = array("i", [-1])
        self._byte = bytearray(1)
        self._more: dict[int, dict[int, int]] = {}
        #: How long the longest text is that ends in a state; 0: none does.
        self.found = array("l", [0])
        for text in wanted:
            self._insert(text)
        self._fallback = array("i", bytes(len(self.depth) * array("i").itemsize))
        self._link()
        self.beginnings = frozenset(text[:_BEGINNING] for text in wanted)

    def _insert(self, text: bytes) -> None:
        state = 0
        for byte in text:
            following = self._child(state, byte)
            if following < 0:
                following = len(self.depth)
                self.depth.append(self.depth[state] + 1)
                self._next.append(-1)
                self._byte.append(0)
                self.found.append(0)
                self._connect(state, byte, following)
            state = following
        self.found[state] = len(text)

    def _connect(self, state: int, byte: int, following: int) -> None:
        if self._next[state] < 0:
            self._next[state], self._byte[state] = following, byte
        else:
            self._more.setdefault(state, {})[byte] = following

    def _child(self, state: int, byte: int) -> int:
        if self._next[state] >= 0 and self._byte[state] == byte:
            return self._next[state]
        more = self._more.get(state)
        return -1 if more is None else more.get(byte, -1)

    def _children(self, state: int) -> Iterator[tuple[int, int]]:
        if self._next[state] >= 0:
            yield self._byte[state], self._next[state]
        yield from self._more.get(state, {}).items()

    def _link(self) -> None:
        """For each state: the longest other one that ends the same."""
        waiting = deque(state for _, state in self._children(0))
        while waiting:
            state = waiting.popleft()
            for byte, child in self._children(state):
                other = self.step(self._fallback[state], byte)
                self._fallback[child] = other
                self.found[child] = max(self.found[child], self.found[other])
                waiting.append(child)

    def step(self, state: int, byte: int) -> int:
        """The state after one more byte."""
        while True:
            following = self._child(state, byte)
            if following >= 0:
                return following
            if state == 0:
                return 0
            state = self._fallback[state]


#: A line's end has two bytes at most.
MOST_SKIPPED = 2


class Pattern:
    """Texts to search for, and the bytes that may be strewn into them: at most `MOST_SKIPPED`
    between two bytes of one."""

    def __init__(self, texts: Iterable[bytes], skip: bytes = b"") -> None:
        self.automaton = Automaton(texts)
        self.skip = skip
        #: Where a text may begin; None if there is none.
        self.beginnings = _beginnings(self.automaton.beginnings, skip)


def _beginnings(starts: Iterable[bytes], skip: bytes) -> re.Pattern[bytes] | None:
    between = b"[" + re.escape(skip) + b"]{0,%d}" % MOST_SKIPPED if skip else b""
    joined = _either(starts, between)
    return re.compile(joined) if joined else None


def _either(starts: Iterable[bytes], between: bytes) -> bytes:
    """A regular expression for texts of one length, by their common beginnings."""
    rests: dict[int, set[bytes]] = {}
    for start in starts:
        rests.setdefault(start[0], set()).add(start[1:])
    if all(rest == {b""} for rest in rests.values()):
        return b"[" + re.escape(bytes(sorted(rests))) + b"]" if rests else b""
    parts = (
        re.escape(bytes([first])) + between + _either(rest, between)
        for first, rest in sorted(rests.items())
    )
    return b"(?:" + b"|".join(parts) + b")"


class Search:
    """One pass through one stream."""

    def __init__(self, pattern: Pattern) -> None:
        self._pattern = pattern
        self._automaton = pattern.automaton
        self._state = 0
        self._position = 0
        self._skipped = _Skipped()

    @property
    def settled(self) -> int:
        """Up to where no occurrence can begin any more."""
        return self._begin(self._automaton.depth[self._state])

    def feed(self, data: bytes) -> Iterator[Span]:
        """The occurrences that end in `data`, the next part of the stream: in the order of their
        ends, of those that end alike the longest only."""
        start, index = self._position, 0
        while index < len(data):
            if self._state == 0:
                index = self._next_beginning(data, index)
                if index == len(data):
                    break
            byte = data[index]
            index += 1
            self._position = start + index
            if self._state and byte in self._pattern.skip:
                self._pass_over()
                continue
            self._skipped.taken += 1
            self._state = self._automaton.step(self._state, byte)
            self._skipped.forget(self._automaton.depth[self._state])
            length = self._automaton.found[self._state]
            if length:
                yield self._begin(length), self._position
        self._position = start + len(data)

    def _next_beginning(self, data: bytes, index: int) -> int:
        """Where to go on from, with nothing under way. A beginning may be cut by the data's end."""
        if self._pattern.beginnings is None:
            return len(data)
        match = self._pattern.beginnings.search(data, index)
        if match:
            return match.start()
        skipped = MOST_SKIPPED if self._pattern.skip else 0
        return max(index, len(data) - (_BEGINNING - 1) * (1 + skipped))

    def _pass_over(self) -> None:
        if self._skipped.add() > MOST_SKIPPED:
            self._state = 0
            self._skipped.forget(0)

    def _begin(self, length: int) -> int:
        """Where the last `length` bytes begin, not counting skipped ones."""
        return self._position - length - self._skipped.within(length)


class _Skipped:
    """The skipped bytes since the text began that may be under way: of each, how many bytes were
    taken before it. `taken` counts those."""

    def __init__(self) -> None:
        self.taken = 0
        self._at: list[int] = []
        self._first = 0

    def add(self) -> int:
        """One more; gives how many came in a row."""
        self._at.append(self.taken)
        return len(self._at) - bisect_left(self._at, self.taken, self._first)

    def within(self, length: int) -> int:
        """How many lie behind the first of the last `length` bytes taken."""
        if len(self._at) == self._first:
            return 0
        return len(self._at) - bisect_right(self._at, self.taken - length, self._first)

    def forget(self, length: int) -> None:
        """Only the last `length` bytes taken matter any more."""
        if not self._at:
            return
        self._first = len(self._at) - self.within(length)
        if self._first * 2 > len(self._at):
            del self._at[: self._first]
            self._first = 0
