"""`${VAR}` in the text of a `.drone.yml`, replaced before it is read as YAML.

Source: docs.drone.io, pipeline/environment/substitution; for what that page leaves open (several
operations on an empty value, escapes, nesting) the table and the tests of drone/envsubst.

`${VAR}`                              the value; empty for a variable that is not known
`${VAR^}`, `^^`, `,`, `,,`            first letter, or all, in upper or lower case
`${VAR:position}`, `:position:length` a part; positions count from 0
`${VAR#pattern}`, `##`, `%`, `%%`     without the shortest or longest beginning or end
`${VAR/text/other}`, `//`, `/#`, `/%` the first, all, one at the beginning or at the end replaced
`${#VAR}`                             the length
`${VAR=default}`, `:=`, `:-`          a default for what is empty or not known
`$${VAR}`, `$$`                       a dollar that stays
`$VAR`                                left alone, for the shell

Arguments may hold further `${…}`. What the format doesn't know, such as the shell's `${VAR:?}`, is
a mistake, never left alone.

A value with line breaks or control characters comes in as a double-quoted text on one line, as it
does in Drone (harness/harness, pull request 2123). So line numbers stay what they were.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from beeyard.config.document import Position
from beeyard.errors import BeeyardError
from beeyard.pipelines.patterns import LONGEST, cut_end, cut_start

#: The longest text that is taken, and that may come out of it (characters). Real files have up to
#: about 200,000.
SIZE = 256 * 1024
#: How many characters all the operations of a file together may go through.
_WORK = 2 * SIZE
_DEEPEST = 8
_MISTAKES = 50

_BREAK = re.compile("\r\n|[\n\r]")
_DOLLAR = re.compile(r"\$[${]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r"\^\^|\^|,,|,|:=|:-|:(?![?+])|##|#|%%|%|//|/#|/%|/|=|\}")
_NOT_INLINE = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")
_LEFT_TO_SHELL = "Write `$${` where it is meant for the shell."


@dataclass(frozen=True)
class Substituted:
    """The text with its variables replaced, and where its parts come from.

    `mistakes` have their place in the text as it was; `where` is left to whoever knows the file.
    """

    text: str
    mistakes: tuple[tuple[Position, BeeyardError], ...] = ()
    _source: "_Lines" = field(repr=False, default_factory=lambda: _Lines(""))
    # (place in `text`, place in the source, whether it was taken over as it is), in order
    _pieces: tuple[tuple[int, int, bool], ...] = ((0, 0, True),)

    def origin(self, place: Position) -> Position:
        """Where in the user's text that stands which is at `place` of the substituted one. For the
        inside of a value, that is where its `${` stands."""
        offset = _Lines(self.text).offset(place)
        index = bisect_right(self._pieces, offset, key=lambda piece: piece[0]) - 1
        begin, source, literal = self._pieces[index]
        return self._source.position(source + (offset - begin if literal else 0))


def substitute(text: str, values: Mapping[str, str]) -> Substituted:
    """`text` with its variables replaced by `values`.

    What is wrong is in `mistakes`, the first 50 of it; such an expression stays in the text. Takes
    time in proportion to the lengths of text and values, and refuses what would go beyond.
    """
    return _Substitution(text, values).run()


class _Lines:
    """From offsets to lines and columns, and back. A line ends where it does in YAML 1.2."""

    def __init__(self, text: str) -> None:
        breaks = [match.span() for match in _BREAK.finditer(text)]
        self._starts = [0, *(end for _, end in breaks)]
        self._ends = [*(start for start, _ in breaks), len(text)]

    def position(self, offset: int) -> Position:
        """What lies within a line's end is at its beginning."""
        line = bisect_right(self._starts, offset)
        return Position(line, min(offset, self._ends[line - 1]) - self._starts[line - 1] + 1)

    def offset(self, place: Position) -> int:
        line = min(place.line, len(self._starts))
        return min(self._starts[line - 1] + place.column - 1, self._ends[line - 1])


class _Refused(Exception):
    """An expression that can't be evaluated. `resume` is where what follows can be looked at."""

    def __init__(self, offset: int, resume: int, what: str, fix: str = _LEFT_TO_SHELL) -> None:
        super().__init__(what)
        self.offset, self.resume, self.mistake = offset, resume, BeeyardError(what, fix=fix)


class _TooMuch(Exception):
    pass


class _Substitution:
    def __init__(self, text: str, values: Mapping[str, str]) -> None:
        self._text = text
        self._lines = _Lines(text)
        self._out: list[str] = []
        self._pieces: list[tuple[int, int, bool]] = []
        self._length = 0
        self._reader = _Expression(text, values)

    def run(self) -> Substituted:
        mistakes: list[tuple[Position, BeeyardError]] = []
        position = 0
        try:
            while match := _DOLLAR.search(self._text, position):
                self._add(self._text[position : match.start()], position, literal=True)
                position = match.start()
                if match[0] == "$$":
                    self._add("$", position, literal=False)
                    position = match.end()
                    continue
                try:
                    value, end = self._reader.value(position)
                    self._add(_inline(value), position, literal=False)
                except _Refused as refused:
                    mistakes.append((self._lines.position(refused.offset), refused.mistake))
                    end = refused.resume
                    self._add(self._text[position:end], position, literal=True)
                    if len(mistakes) == _MISTAKES:
                        break
                position = end
            self._add(self._text[position:], position, literal=True)
        except _TooMuch:
            # What there is so far is half a file, of which nothing more can be said.
            found = (*mistakes, (self._lines.position(position), _too_much()))
            return Substituted("", found, self._lines)
        pieces = tuple(self._pieces) or ((0, 0, True),)
        return Substituted("".join(self._out), tuple(mistakes), self._lines, pieces)

    def _add(self, part: str, source: int, *, literal: bool) -> None:
        if not part:
            return
        if self._length + len(part) > SIZE:
            raise _TooMuch
        self._pieces.append((self._length, source, literal))
        self._out.append(part)
        self._length += len(part)


class _Expression:
    """Reads and evaluates single expressions."""

    def __init__(self, text: str, values: Mapping[str, str]) -> None:
        self._text = text
        self._values = values
        self._work = 0

    def value(self, start: int, depth: int = 0) -> tuple[str, int]:
        """What the expression is whose `${` is at `start`, and where it ends."""
        if depth == _DEEPEST:
            raise _Refused(
                start, start + 2, f"there are more than {_DEEPEST} `${{` inside each other"
            )
        of_length = self._text.startswith("#", start + 2)
        name = _NAME.match(self._text, start + 2 + of_length)
        if name is None:
            raise self._unknown(start, start + 2)
        found = self._values.get(name[0], "")
        if of_length:
            if not self._text.startswith("}", name.end()):
                raise self._unknown(start, name.end())
            return str(len(found)), name.end() + 1
        operator = _OPERATOR.match(self._text, name.end())
        if operator is None:
            raise self._unknown(start, name.end())
        self._spend(len(found))
        if operator[0] == "}":
            return found, operator.end()
        return self._operation(start, found, operator, depth)

    def _operation(
        self, start: int, value: str, operator: re.Match[str], depth: int
    ) -> tuple[str, int]:
        kind, position = operator[0], operator.end()
        if kind in _CASES:
            if not self._text.startswith("}", position):
                raise self._unknown(start, position)
            return _CASES[kind](value), position + 1
        if kind in ("=", ":=", ":-"):
            default, end = self._argument(start, position, "}", depth)
            return value or default, end + 1
        if kind == ":":
            return self._part(start, value, position, depth)
        if kind[0] == "/":
            return self._replaced(start, value, operator, depth)
        return self._cut(start, value, operator, depth)

    def _part(self, start: int, value: str, position: int, depth: int) -> tuple[str, int]:
        first, end = self._argument(start, position, ":}", depth)
        begin = self._number(start, first, end)
        if self._text[end] == "}":
            return value[begin:], end + 1
        second, end = self._argument(start, end + 1, "}", depth)
        return value[begin : begin + self._number(start, second, end)], end + 1

    def _number(self, start: int, written: str, end: int) -> int:
        digits = written.strip()
        if not re.fullmatch(r"[0-9]{1,9}", digits):
            what = f"`{digits[:40]}` is no position or length: digits are wanted"
            raise _Refused(start, end, what, "Write `${VAR:position:length}`; the first is 0.")
        return int(digits)

    def _replaced(
        self, start: int, value: str, operator: re.Match[str], depth: int
    ) -> tuple[str, int]:
        kind = operator[0]
        old, end = self._argument(start, operator.end(), "/}", depth)
        new = ""
        if self._text[end] == "/":
            new, end = self._argument(start, end + 1, "}", depth)
        old, new = _plain(old), _plain(new)
        if not old:
            return value, end + 1
        if kind == "/#":
            whole = new + value[len(old) :] if value.startswith(old) else value
        elif kind == "/%":
            whole = value[: -len(old)] + new if value.endswith(old) else value
        else:
            count = value.count(old) if kind == "//" else 1
            self._spend(count * len(new))
            whole = value.replace(old, new, count)
        return whole, end + 1

    def _cut(self, start: int, value: str, operator: re.Match[str], depth: int) -> tuple[str, int]:
        kind = operator[0]
        pattern, end = self._argument(start, operator.end(), "}", depth)
        if len(pattern) > LONGEST:
            what = f"a pattern of {len(pattern)} characters is too long"
            raise _Refused(start, end, what, f"Use one of {LONGEST} characters at most.")
        # It goes through the value one character at a time, and tries every bracket on each.
        self._spend(len(value) * (4 + pattern.count("[") + pattern.count("?")))
        cut = cut_start if kind[0] == "#" else cut_end
        return cut(value, pattern, longest=len(kind) == 2), end + 1

    def _argument(self, start: int, position: int, stops: str, depth: int) -> tuple[str, int]:
        """The argument at `position`, and where the character of `stops` is that ends it."""
        parts: list[str] = []
        while position < len(self._text):
            char = self._text[position]
            following = self._text[position + 1 : position + 2]
            if char in stops:
                whole = "".join(parts)
                self._spend(len(whole))
                return whole, position
            if _BREAK.match(char):
                break
            if char == "$" and following == "{":
                value, position = self.value(position, depth + 1)
                parts.append(value)
                continue
            if char == "\\" and following and not _BREAK.match(following):
                parts.append(following if following in "/}" else char + following)
                position += 2
                continue
            parts.append(char)
            position += 2 if char == following == "$" else 1
        raise _Refused(start, position, "this `${` is not closed on its line")

    def _spend(self, characters: int) -> None:
        self._work += characters
        if self._work > _WORK:
            raise _TooMuch

    def _unknown(self, start: int, resume: int) -> _Refused:
        end = self._text.find("}", start, start + 40)
        shown = self._text[start : end + 1 if end > 0 else start + 12].splitlines()[0]
        what = f"`{shown}` is no substitution that the format knows"
        return _Refused(start, resume, what)


def _first(change: Callable[[str], str]) -> Callable[[str], str]:
    return lambda value: change(value[:1]) + value[1:]


_CASES: Mapping[str, Callable[[str], str]] = {
    "^": _first(str.upper),
    "^^": str.upper,
    ",": _first(str.lower),
    ",,": str.lower,
}


def _plain(argument: str) -> str:
    """A text to search for, or to put in: a backslash before punctuation is an escape."""
    return re.sub(r"\\([^\w\s])", r"\1", argument)


def _inline(value: str) -> str:
    """The value as it can stand on one line of YAML."""
    if not _NOT_INLINE.search(value):
        return value
    quoted = json.dumps(value, ensure_ascii=False)
    return _NOT_INLINE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)


def _too_much() -> BeeyardError:
    return BeeyardError(
        "the substitutions make too much text of this file",
        why=f"{SIZE:,} characters may come out.",
        fix="Use long values, such as a commit's message, in the commands: as `$DRONE_…`.",
    )
