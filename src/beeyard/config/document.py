"""A YAML file as values, each with its line and column, and its faults in words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from beeyard.errors import BeeyardError, ConfigError

Location = Sequence[str | int]

# Source: yaml.org, YAML 1.2, 5.4 "Line Break Characters".
_LINE_END = re.compile(r"\r\n|\n|\r")

_SYNTAX_FIXES = (
    (
        "mapping values are not allowed",
        "Put a value that holds a colon into quotes, and indent keys of one section alike.",
    ),
    ("could not find expected ':'", "Write `key: value`, with a space after the colon."),
    ("expected <block end>", "Indent the keys of one section alike."),
    ("unexpected end of stream", "Close the quote or bracket that is open."),
    ("<stream end>", "Close the bracket that is open."),
    ("cannot start any token", "Put the value into quotes."),
    ("another document", "Keep one document in the file: remove the line `---` between them."),
    (
        "undefined alias",
        "Put a value that starts with `*` into quotes, or define its anchor with `&` before.",
    ),
    ("constructor for the tag", "Remove the `!…` tag, or put the value into quotes."),
)


@dataclass(frozen=True)
class Position:
    """A place in a file; lines and columns count from 1."""

    line: int
    column: int


def shown(path: Path) -> str:
    """`path` as messages name it: relative to the working folder where it is below that."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def dotted(loc: Location) -> str:
    """`loc` as people write it: `managers.count`, `zones[1]`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


@dataclass(frozen=True)
class Document:
    """One YAML document. `data` holds plain dicts, lists and scalars; `root` the nodes they came
    from.
    """

    path: Path
    data: object
    root: Node | None
    duplicates: tuple[tuple[Position, BeeyardError], ...] = ()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The document in `path`. Raises ConfigError where it can't be read or is no YAML."""
        return cls.parse(_text(path), path)

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """`text` as YAML 1.2; `path` only names it in messages."""
        reader = YAML(typ="safe", pure=True)
        # Reported below, all of them, instead of the first one only.
        reader.allow_duplicate_keys = True
        try:
            root, copy = reader.compose(text), reader.compose(text)
            # Making values of nodes puts what `<<` merges in front of a mapping's own keys.
            data = None if copy is None else reader.constructor.construct_document(copy)
        except (YAMLError, ValueError) as error:
            raise _syntax_error(error, text, path) from None
        found = tuple(_duplicates(root, path, (), set())) if root is not None else ()
        return cls(path, data, root, found)

    def position(self, loc: Location, *, of_key: bool = False) -> Position:
        """Where the value at `loc` stands (`of_key`: its key), or what is nearest above it."""
        node, place = self.root, _position(self.root)
        for index, part in enumerate(loc):
            step = _step(node, part)
            if step is None:
                break
            key, node = step
            place = _position(node)
            # A section starts on the line after its key, and what is left empty has no place of
            # its own.
            below = key is not None and place.line != _position(key).line
            if key is not None and (below or (of_key and index == len(loc) - 1)):
                place = _position(key)
        return place

    def where(self, loc: Location, *, of_key: bool = False) -> str:
        """`position` as `file:line:column`."""
        return at(self.path, self.position(loc, of_key=of_key))

    def written(self, loc: Location) -> str | None:
        """The scalar at `loc` as it stands in the file, without quotes."""
        node = self.root
        for part in loc:
            step = _step(node, part)
            if step is None:
                return None
            node = step[1]
        return str(node.value) if isinstance(node, ScalarNode) else None


def at(path: Path, position: Position) -> str:
    """`file:line:column`."""
    return f"{shown(path)}:{position.line}:{position.column}"


def _position(node: Node | None) -> Position:
    if node is None or node.start_mark is None:
        return Position(1, 1)
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _step(node: Node | None, part: str | int) -> tuple[Node | None, Node] | None:
    """From `node` to its part: the key's node (None in a list) and the value's."""
    if isinstance(node, SequenceNode) and isinstance(part, int):
        return (None, node.value[part]) if part < len(node.value) else None
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and key.value == str(part):
                return key, value
        return next((step for one in _merged(node) if (step := _step(one, part))), None)
    return None


def _merged(node: MappingNode) -> Iterator[Node]:
    """The mappings that `<<` merges into this one; its own keys, and then the first, prevail."""
    for key, value in node.value:
        if isinstance(key, ScalarNode) and key.value == "<<":
            yield from value.value if isinstance(value, SequenceNode) else [value]


def _duplicates(
    node: Node, path: Path, loc: tuple[str | int, ...], seen: set[int]
) -> Iterator[tuple[Position, BeeyardError]]:
    """The keys that stand twice in one mapping. `seen` holds nodes: an alias leads to one again."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, SequenceNode):
        for index, item in enumerate(node.value):
            yield from _duplicates(item, path, (*loc, index), seen)
    elif isinstance(node, MappingNode):
        first: dict[str, int] = {}
        for key, value in node.value:
            name, place = str(key.value), _position(key)
            if isinstance(key, ScalarNode) and name in first:
                yield place, _twice(path, place, dotted((*loc, name)), first[name])
            first.setdefault(name, place.line)
            yield from _duplicates(value, path, (*loc, name), seen)


def _twice(path: Path, place: Position, key: str, line: int) -> BeeyardError:
    return BeeyardError(
        f"{key}: this key is there twice; first on line {line}",
        where=at(path, place),
        fix="Keep one of the two.",
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            f"There is no file {shown(path)}.",
            where=shown(path),
            fix="Name another with -f FILE, or write a first one with `beeyard init`.",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{shown(path)} is not UTF-8 text.",
            where=shown(path),
            why=f"Byte {error.start + 1} can't be read.",
            fix="Save the file as UTF-8.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{shown(path)} can't be read.",
            where=shown(path),
            why=error.strerror,
            fix="Name a file that you may read with -f FILE.",
        ) from None


def _not_yaml(path: Path, mistakes: list[BeeyardError]) -> ConfigError:
    return ConfigError(
        f"{shown(path)} is not valid YAML.",
        fix="Correct this first; what the file says can be checked only then.",
        mistakes=mistakes,
    )


def faults(error: Exception, text: str) -> list[tuple[Position, BeeyardError]]:
    """What is wrong with `text`, of which ruamel.yaml raised `error`. `where` is left empty, for
    whoever knows the file.
    """
    if not isinstance(error, MarkedYAMLError):
        return [_broken(text, str(error))]
    mark = error.problem_mark or error.context_mark
    place = Position(mark.line + 1, mark.column + 1) if mark else Position(1, 1)
    problem = str(error.problem or error.context or "it can't be read")
    tabs = list(_tabs(text)) if "'\\t'" in problem else []
    if tabs:
        return tabs
    context = (
        f"{error.context}, which began on line {error.context_mark.line + 1}"
        if (error.context and error.context_mark)
        else error.context
    )
    fix = next((fix for part, fix in _SYNTAX_FIXES if part in problem), "Correct the line.")
    mistake = BeeyardError(
        f"the YAML is broken here: {problem}",
        why=f"It came up {context}." if context and context.startswith("while") else None,
        fix=fix,
    )
    return [(place, mistake)]


def _syntax_error(error: Exception, text: str, path: Path) -> ConfigError:
    found = faults(error, text)
    for place, mistake in found:
        mistake.where = at(path, place)
    return _not_yaml(path, [mistake for _, mistake in found])


def _tabs(text: str) -> Iterator[tuple[Position, BeeyardError]]:
    for number, line in enumerate(_LINE_END.split(text), 1):
        indent = re.match(r"[ \t]*", line)
        if indent and "\t" in indent.group():
            mistake = BeeyardError(
                "a tab is used to indent this line",
                fix="Indent with spaces: YAML doesn't allow tabs.",
            )
            yield Position(number, line.index("\t") + 1), mistake


def _broken(text: str, problem: str) -> tuple[Position, BeeyardError]:
    """For faults that ruamel.yaml gives no place for: characters that YAML doesn't allow."""
    for number, line in enumerate(_LINE_END.split(text), 1):
        bad = re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", line)
        if bad:
            what = f"the character U+{ord(bad.group()):04X} is not allowed in YAML"
            return Position(number, bad.start() + 1), BeeyardError(what, fix="Remove it.")
    first = problem.splitlines()[0] if problem else "it can't be read"
    return Position(1, 1), BeeyardError(f"the YAML is broken: {first}")
