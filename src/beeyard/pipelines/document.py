"""The YAML of a `.drone.yml` as a tree in which every value has its place in the text.

Several documents, anchors, aliases and `<<` are YAML's own. Scalars stay text as it is written:
what they mean depends on where they stand (`1.10` is a version, `yes` may be a word).

Nothing here recurses, and an alias leads to the one node that it names; so memory is in proportion
to the text. What would be too much once aliases are written out is refused before anybody walks
through it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from beeyard.config.document import Position, faults
from beeyard.errors import BeeyardError

#: How many values a file may have, what aliases stand for counted each time.
MOST_VALUES = 50_000
#: How many collections may stand inside each other.
DEEPEST = 50
#: How many documents a file may have.
MOST_DOCUMENTS = 200
_MISTAKES = 50

Mistake = tuple[Position, BeeyardError]


@dataclass(frozen=True, eq=False, slots=True)
class Scalar:
    """`plain`: without quotes, so that it may be a number, or nothing, rather than text."""

    place: Position
    text: str
    plain: bool
    anchored: bool = False
    size: int = 1

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, eq=False, slots=True)
class Listing:
    """`anchored`: it, or something in it, has an anchor. `size`: how many values it stands for."""

    place: Position
    items: tuple["Node", ...]
    anchored: bool
    size: int


@dataclass(frozen=True, eq=False, slots=True)
class Entry:
    """One key of a section; `place` is the key's."""

    key: str
    place: Position
    value: "Node"


@dataclass(frozen=True, eq=False, slots=True)
class Section:
    """Keys with values: its own in the order of the file, then what `<<` brought in."""

    place: Position
    entries: tuple[Entry, ...]
    anchored: bool
    size: int


Node = Scalar | Listing | Section


def documents(text: str) -> tuple[tuple[Node, ...], tuple[Mistake, ...]]:
    """The documents in `text` that hold anything, and what is wrong with it as YAML.

    If the text can't be read to its end, there are no documents, only mistakes.
    """
    composer = _Composer()
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            composer.take(event)
    except _Stop as stop:
        return (), (*composer.mistakes, (stop.place, stop.mistake))
    except (YAMLError, ValueError) as error:
        return (), (*composer.mistakes, *faults(error, text))
    return tuple(composer.documents), tuple(composer.mistakes)


class _Stop(Exception):
    """Why reading ended before the end of the text."""

    def __init__(self, place: Position, what: str, fix: str, why: str | None = None) -> None:
        super().__init__(what)
        self.place, self.mistake = place, BeeyardError(what, fix=fix, why=why)


@dataclass
class _Open:
    """A collection that is being read. `key` is a key that waits for its value."""

    place: Position
    anchor: str | None
    is_section: bool
    items: list[Node] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)
    merged: list[tuple[Position, Node]] = field(default_factory=list)
    key: Scalar | None = None
    keyless: bool = False
    size: int = 1
    anchored: bool = False


class _Composer:
    def __init__(self) -> None:
        self.documents: list[Node] = []
        self.mistakes: list[Mistake] = []
        self._open: list[_Open] = []
        # None: the collection of this anchor is still being read.
        self._anchors: dict[str, Node | None] = {}
        self._values = 0
        self._copies = 0
        self._total = 0
        self._starts = 0
        self._takes: Mapping[type[Event], Callable[[Any], None]] = {
            DocumentStartEvent: self._document,
            DocumentEndEvent: self._nothing,
            ScalarEvent: self._scalar,
            AliasEvent: self._alias,
            SequenceStartEvent: self._start,
            MappingStartEvent: self._start,
        }

    def take(self, event: Event) -> None:
        if isinstance(event, CollectionEndEvent):
            self._end()
        else:
            self._takes.get(type(event), self._nothing)(event)

    def _nothing(self, event: Any) -> None:
        pass

    def _document(self, event: Any) -> None:
        self._anchors = {}
        self._starts += 1
        if self._starts > MOST_DOCUMENTS:
            what = f"the file has more than {MOST_DOCUMENTS} documents"
            raise _Stop(_place(event), what, "Split it up, or remove some.")

    def _scalar(self, event: Any) -> None:
        plain = event.style is None and _is_implicit(event)
        node = Scalar(_place(event), event.value, plain, event.anchor is not None)
        self._check_tag(event)
        self._count(node.place)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._add(node)

    def _alias(self, event: Any) -> None:
        place = _place(event)
        self._count(place)
        if event.anchor not in self._anchors:
            what = f"there is no anchor `&{_short(event.anchor)}` in this document before this line"
            fix = "Put a value that starts with `*` into quotes, or define its anchor before."
            self._wrong(place, what, fix)
        elif self._anchors[event.anchor] is None:
            self._wrong(place, "this alias leads back to itself", "Write the value out.")
        self._add(self._anchors.get(event.anchor) or Scalar(place, "", plain=True))

    def _start(self, event: Any) -> None:
        place = _place(event)
        self._check_tag(event)
        self._count(place)
        if len(self._open) == DEEPEST:
            what = f"more than {DEEPEST} lists and sections stand inside each other here"
            raise _Stop(place, what, "Write it flatter.")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        is_section = isinstance(event, MappingStartEvent)
        self._open.append(_Open(place, event.anchor, is_section))

    def _end(self) -> None:
        done = self._open.pop()
        anchored = done.anchored or done.anchor is not None
        node: Node
        if done.is_section:
            self._merge(done)
            node = Section(done.place, tuple(done.entries.values()), anchored, done.size)
        else:
            node = Listing(done.place, tuple(done.items), anchored, done.size)
        if done.anchor is not None:
            self._anchors[done.anchor] = node
        self._add(node)

    def _add(self, node: Node) -> None:
        """Put a complete node into what is open: as an item, a key or a key's value."""
        if not self._open:
            self._total += node.size
            if self._total > MOST_VALUES:
                raise _too_many(node.place)
            if not (isinstance(node, Scalar) and node.is_null):
                self.documents.append(node)
            return
        into = self._open[-1]
        into.anchored = into.anchored or node.anchored
        into.size += node.size
        self._check_size(into)
        if not into.is_section:
            into.items.append(node)
        elif into.key is None and not into.keyless:
            self._key(into, node)
        else:
            self._value(into, node)

    def _key(self, into: _Open, node: Node) -> None:
        if isinstance(node, Scalar) and not node.is_null:
            into.key = node
            return
        into.keyless = True
        self._wrong(node.place, "this key is no text", "Put it into quotes, or remove it.")

    def _value(self, into: _Open, node: Node) -> None:
        key, into.key, into.keyless = into.key, None, False
        if key is None:
            return
        if key.plain and key.text == "<<":
            into.merged.append((key.place, node))
        elif key.text in into.entries:
            first = into.entries[key.text].place.line
            what = f"{_short(key.text)}: this key is there twice; first on line {first}"
            self._wrong(key.place, what, "Keep one of the two.")
        else:
            into.entries[key.text] = Entry(key.text, key.place, node)

    def _merge(self, into: _Open) -> None:
        """Bring in what `<<` names; a section's own keys, and then the first named, prevail."""
        for place, node in into.merged:
            for source in node.items if isinstance(node, Listing) else (node,):
                if not isinstance(source, Section):
                    what = "`<<` merges sections only"
                    self._wrong(place, what, "Name the anchor of a section, such as `<<: *name`.")
                    continue
                self._copies += len(source.entries)
                if self._copies > MOST_VALUES:
                    raise _too_many(place)
                for entry in source.entries:
                    into.entries.setdefault(entry.key, entry)

    def _check_tag(self, event: Any) -> None:
        tag = None if event.tag is None else str(event.tag)
        if tag not in _KNOWN_TAGS:
            fix = "Remove the `!…` tag, or put the value into quotes."
            self._wrong(_place(event), f"the tag `{_short(str(tag))}` is not known here", fix)

    def _check_size(self, of: _Open) -> None:
        if of.size > MOST_VALUES:
            raise _too_many(of.place)

    def _count(self, place: Position) -> None:
        self._values += 1
        if self._values > MOST_VALUES:
            raise _too_many(place)

    def _wrong(self, place: Position, what: str, fix: str) -> None:
        self.mistakes.append((place, BeeyardError(what, fix=fix)))
        if len(self.mistakes) == _MISTAKES:
            raise _Stop(place, f"there are more mistakes than these {_MISTAKES}", "Correct these.")


_KNOWN_TAGS = frozenset(
    {None, "!"}
    | {
        f"tag:yaml.org,2002:{kind}"
        for kind in ("str", "int", "float", "bool", "null", "map", "seq")
    }
)


def _place(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


def _is_implicit(event: Any) -> bool:
    """Whether nothing says that the scalar is text: `!!str 5` and `! 5` are."""
    return event.tag is None or str(event.tag).endswith((":int", ":float", ":bool", ":null"))


def _too_many(place: Position) -> _Stop:
    return _Stop(
        place,
        f"the file has more than {MOST_VALUES:,} values",
        "Make it smaller.",
        "What an alias stands for counts each time.",
    )


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:59]}…"
