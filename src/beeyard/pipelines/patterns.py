"""Shell patterns at the ends of a text: what `${VAR#pattern}` and `${VAR%pattern}` cut off.

`*` is any text, `?` one character, `[a-z]` and `[!a-z]` one of or none of these; a backslash takes
the meaning from what follows. Unlike in conditions, `*` crosses a `/`. Source: GNU Bash manual,
"Shell Parameter Expansion" and "Pattern Matching", which docs.drone.io,
pipeline/environment/substitution, names as the model.

A pattern is matched with all its possible states at once, as the bits of a number. So a text
takes time in proportion to its length, whatever the pattern (a regular expression would go back and
forth in it).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: Longer patterns are refused: the time taken is also in proportion to the pattern's length.
LONGEST = 256

_Test = Callable[[str], bool]


@dataclass(frozen=True)
class _Pattern:
    """The pattern's elements in order: a character, a test of one, or None for `*`."""

    elements: tuple[str | _Test | None, ...]

    def reversed(self) -> "_Pattern":
        return _Pattern(self.elements[::-1])

    def reach(self, text: str, *, longest: bool) -> int | None:
        """How much of the beginning of `text` the pattern is: the least or the most; else None."""
        stars = sum(1 << i for i, element in enumerate(self.elements) if element is None)
        accepted = 1 << len(self.elements)
        places = _Places(self.elements)
        state = 1 | ((1 & stars) << 1)
        found = 0 if state & accepted else None
        for length, char in enumerate(text, 1):
            if not state or (found is not None and not longest):
                break
            state = ((state & places[char]) << 1) | (state & stars)
            state |= (state & stars) << 1
            if state & accepted:
                found = length
        return found


class _Places(dict[str, int]):
    """By character: which elements it can be, as bits."""

    def __init__(self, elements: Sequence[str | _Test | None]) -> None:
        super().__init__()
        self._tests: list[tuple[int, _Test]] = []
        self._literal: dict[str, int] = {}
        for index, element in enumerate(elements):
            if isinstance(element, str):
                self._literal[element] = self._literal.get(element, 0) | 1 << index
            elif element is not None:
                self._tests.append((1 << index, element))

    def __missing__(self, char: str) -> int:
        found = self._literal.get(char, 0) | sum(bit for bit, test in self._tests if test(char))
        self[char] = found
        return found


def cut_start(text: str, pattern: str, *, longest: bool) -> str:
    """`text` without the shortest or longest beginning that is `pattern`."""
    reach = _parse(pattern).reach(text, longest=longest)
    return text if reach is None else text[reach:]


def cut_end(text: str, pattern: str, *, longest: bool) -> str:
    """`text` without the shortest or longest end that is `pattern`."""
    reach = _parse(pattern).reversed().reach(text[::-1], longest=longest)
    return text if reach is None else text[: len(text) - reach]


def _parse(pattern: str) -> _Pattern:
    elements: list[str | _Test | None] = []
    position = 0
    while position < len(pattern):
        char = pattern[position]
        closing = _closing(pattern, position) if char == "[" else None
        if char == "*":
            # Several in a row mean the same as one.
            if not elements or elements[-1] is not None:
                elements.append(None)
        elif char == "?":
            elements.append(lambda _: True)
        elif closing is not None:
            elements.append(_one_of(pattern[position + 1 : closing]))
            position = closing
        else:
            if char == "\\" and position + 1 < len(pattern):
                position += 1
            elements.append(pattern[position])
        position += 1
    return _Pattern(tuple(elements))


def _closing(pattern: str, start: int) -> int | None:
    """Where the bracket at `start` closes. One that comes first inside is itself a member."""
    first = start + 1
    if pattern[first : first + 1] in ("!", "^"):
        first += 1
    end = pattern.find("]", first + 1)
    return None if end < 0 else end


def _one_of(inside: str) -> _Test:
    negated = inside[0] in "!^"
    members = inside[1:] if negated else inside
    ranges = list(_ranges(members))

    def test(char: str) -> bool:
        return any(low <= char <= high for low, high in ranges) != negated

    return test


def _ranges(members: str) -> Sequence[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position = 0
    while position < len(members):
        low = members[position]
        if members[position + 1 : position + 2] == "-" and position + 2 < len(members):
            found.append((low, members[position + 2]))
            position += 3
        else:
            found.append((low, low))
            position += 1
    return found
