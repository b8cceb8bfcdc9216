"""Values of the file, read as what they have to be: what is wrong is noted, and reading goes on.

Whoever reads gets something of the right type in any case, and what was read counts only if the
`Notes` are empty in the end.
"""

import posixpath
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TypeVar

from beeyard.config.document import Location, Position, dotted
from beeyard.errors import BeeyardError
from beeyard.pipelines.document import Listing, Mistake, Node, Scalar, Section

#: Further mistakes are not looked for.
MOST_MISTAKES = 50

# Source: yaml.org, type/bool: the words of YAML 1.1, which Drone takes for booleans.
_WORDS = {
    **dict.fromkeys(("true", "yes", "on", "y"), True),
    **dict.fromkeys(("false", "no", "off", "n"), False),
}
_NOT_IN_PATHS = re.compile(r"[:\x00-\x1f\x7f]")

T = TypeVar("T")


class TooMany(Exception):
    """There are as many mistakes as anybody wants to read."""


@dataclass
class Notes:
    """The mistakes found so far, each once: an alias leads to the same place again."""

    mistakes: list[Mistake] = field(default_factory=list)
    _seen: set[tuple[Position, str]] = field(default_factory=set)

    def wrong(
        self, place: Position, what: str, fix: str, *, path: str = "", why: str | None = None
    ) -> None:
        """Note a mistake. Raises TooMany with the last that is wanted."""
        if (place, what) in self._seen:
            return
        self._seen.add((place, what))
        whole = f"{path}: {what}" if path else what
        self.mistakes.append((place, BeeyardError(whole, why=why, fix=fix)))
        if len(self.mistakes) == MOST_MISTAKES:
            raise TooMany


@dataclass(frozen=True)
class Value:
    """A value with its path. `key` is where its key stands, if it has one."""

    notes: Notes
    path: Location
    node: Node
    key: Position | None = None

    @property
    def place(self) -> Position:
        """Where people look for it: a section starts on the line after its key, and what is empty
        has no place of its own."""
        below = self.key is not None and self.key.line != self.node.place.line
        return self.key if self.key is not None and (below or self.empty) else self.node.place

    @property
    def empty(self) -> bool:
        return isinstance(self.node, Scalar) and self.node.is_null

    def wrong(self, what: str, fix: str, why: str | None = None) -> None:
        self.notes.wrong(self.place, what, fix, path=_shown(self.path), why=why)

    def wrong_key(self, what: str, fix: str) -> None:
        self.notes.wrong(self.key or self.place, what, fix, path=_shown(self.path))

    def mistyped(self, wanted: str, fix: str) -> None:
        self.wrong(f"this is {_kind(self.node)}; {wanted} is wanted", fix)

    def text(self) -> str:
        """A scalar as it is written; empty for nothing."""
        if not isinstance(self.node, Scalar):
            fix = "Write one text; where it holds a `: ` or begins with `[` or `{`, in quotes."
            self.mistyped("text", fix)
            return ""
        return "" if self.node.is_null else self.node.text

    def flag(self) -> bool:
        word = self.node.text.lower() if isinstance(self.node, Scalar) else ""
        if word not in _WORDS:
            self.mistyped("true or false", "Write true or false, without quotes.")
        return _WORDS.get(word, False)

    def number(self, least: int, most: int) -> int:
        written = self.node.text if isinstance(self.node, Scalar) else ""
        if not re.fullmatch(r"[+-]?[0-9]{1,12}", written):
            self.mistyped("a whole number", f"Write digits only, such as {least or 1}.")
        elif int(written) < least:
            self.wrong(f"{written} is too small", f"Use {least} or more.")
        elif int(written) > most:
            self.wrong(f"{written} is too large", f"Use {most} or less.")
        else:
            return int(written)
        return least

    def choice(self, allowed: Sequence[str]) -> str:
        """One of `allowed`; the first of them if it is none."""
        written = self.text()
        if written in allowed:
            return written
        if isinstance(self.node, Scalar):
            self.wrong(f"`{short(written)}` is not known", meant(written, allowed))
        return allowed[0]

    def absolute_path(self) -> str:
        """A path in a container or on a node, from `/` on."""
        written = self.text()
        if _NOT_IN_PATHS.search(written):
            self.wrong("a path can't have a colon or control characters", "Choose another path.")
        elif not written.startswith("/"):
            self.wrong(
                f"`{short(written)}` is not an absolute path", "Write a path that begins with `/`."
            )
        else:
            return "/" + posixpath.normpath(written).lstrip("/")
        return "/"

    def values(self) -> tuple["Value", ...]:
        """The items of a list; none for nothing."""
        if self.empty:
            return ()
        if not isinstance(self.node, Listing):
            example = f"[{short(self.node.text)}]" if isinstance(self.node, Scalar) else ""
            fix = f"Write a list: {example or 'each value after a `- `'}."
            self.mistyped("a list", fix)
            return ()
        return tuple(
            Value(self.notes, (*self.path, index), item)
            for index, item in enumerate(self.node.items)
        )

    def texts(self) -> tuple[str, ...]:
        return tuple(value.text() for value in self.values())

    def entries(self) -> tuple["Value", ...]:
        """The values of a section, each with its key at the end of its path."""
        if self.empty:
            return ()
        if not isinstance(self.node, Section):
            self.mistyped("a section (keys with values)", "Write keys with values, indented.")
            return ()
        return tuple(
            Value(self.notes, (*self.path, entry.key), entry.value, entry.place)
            for entry in self.node.entries
        )

    def entries_or_none(self) -> tuple["Value", ...] | None:
        """The entries of what is a section, None for anything else."""
        return self.entries() if isinstance(self.node, Section) else None

    def scalar_or_none(self) -> Scalar | None:
        return self.node if isinstance(self.node, Scalar) else None

    def name(self) -> str:
        """Its key."""
        return str(self.path[-1])

    def fields(self, known: Sequence[str]) -> "Fields":
        """A section whose keys are among `known`."""
        found = {}
        for value in self.entries():
            if value.name() in known:
                found[value.name()] = value
            elif not self._is_own(value, known):
                fix = meant(value.name(), known, otherwise="Remove it. Known here")
                value.wrong_key("there is no such key", fix)
        return Fields(self, found)

    def _is_own(self, value: "Value", known: Sequence[str]) -> bool:
        """Whether a key that isn't known is there on purpose: at the top of a document, to hold
        anchors."""
        if self.path:
            return False
        if value.name().startswith(("x-", ".", "_")):
            return True
        return value.node.anchored and nearest(value.name(), known) is None


@dataclass(frozen=True)
class Fields:
    """The fields of a section. One that has no value counts as one that isn't there."""

    of: Value
    by_key: dict[str, Value]

    def __iter__(self) -> Iterator[Value]:
        return iter(self.by_key.values())

    def has(self, key: str) -> bool:
        """Whether the key is there, even without a value."""
        return key in self.by_key

    def get(self, key: str) -> Value | None:
        value = self.by_key.get(key)
        return None if value is None or value.empty else value

    def read(self, key: str, how: Callable[[Value], T], default: T) -> T:
        value = self.get(key)
        return default if value is None else how(value)

    def text(self, key: str, default: str = "") -> str:
        return self.read(key, Value.text, default)

    def texts(self, key: str) -> tuple[str, ...]:
        return self.read(key, Value.texts, ())

    def flag(self, key: str) -> bool:
        return self.read(key, Value.flag, default=False)

    def values(self, key: str) -> tuple[Value, ...]:
        return self.read(key, Value.values, ())

    def required(self, key: str, example: str) -> str:
        """A text that has to be there and not empty."""
        written = self.text(key).strip()
        value = self.by_key.get(key)
        if value is None and (isinstance(self.of.node, Section) or self.of.empty):
            self.of.notes.wrong(
                self.of.place,
                "is missing",
                f"Add `{key}: {example}`.",
                path=_shown((*self.of.path, key)),
            )
        elif value is not None and not written and isinstance(value.node, Scalar):
            value.wrong("this is empty", f"Write such as `{key}: {example}`.")
        return written


def meant(written: str, known: Sequence[str], *, otherwise: str = "Use one of these") -> str:
    """What to write instead: the nearest of `known`, or any of them."""
    near = nearest(written, known)
    if near is not None:
        return f"Did you mean `{near}`?"
    listed = ", ".join(short(name) for name in known[:30])
    return f"{otherwise}: {listed}." if known else f"{otherwise}: there is none."


def nearest(written: str, known: Sequence[str]) -> str | None:
    """The one of the first 200 of `known` that `written` most likely stands for, or None."""
    spelled = {name.lower().replace("-", "_"): name for name in known[:200]}
    lowered = written[:100].lower().replace("-", "_")
    near = get_close_matches(lowered, spelled, n=1, cutoff=0.6)
    return spelled[near[0]] if near else None


def _shown(path: Location) -> str:
    return dotted([short(part) if isinstance(part, str) else part for part in path])


def short(text: str) -> str:
    """`text` as it fits into a message."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:59]}…"


def _kind(node: Node) -> str:
    if isinstance(node, Listing):
        return "a list"
    if isinstance(node, Section):
        return "a section"
    if node.is_null:
        return "nothing"
    if not node.plain:
        return "text"
    if node.text.lower() in ("true", "false"):
        return node.text.lower()
    return "a number" if re.fullmatch(r"[+-]?[0-9.]+", node.text) else "text"
