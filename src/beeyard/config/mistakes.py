"""pydantic's errors as mistakes of a file: place, path, what is wrong, what would be right."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

from pydantic import ValidationError

from beeyard.config import shape
from beeyard.config.document import Document, Position, at, dotted
from beeyard.config.refusal import Wrong
from beeyard.errors import BeeyardError

Loc = tuple[str | int, ...]
Details = Mapping[str, Any]

_TEXT = "text"
_NUMBER = "a whole number"
_BOOLEAN = "true or false"
_LIST = "a list"
_SECTION = "a section (keys with values)"
_WANTED = {
    "string_type": _TEXT,
    "int_type": _NUMBER,
    "bool_type": _BOOLEAN,
    "tuple_type": _LIST,
    "dict_type": _SECTION,
    "mapping_type": _SECTION,
    "model_type": _SECTION,
    "model_attributes_type": _SECTION,
}
_BOOLEANS = {
    **dict.fromkeys(("yes", "on", "y", "true"), "true"),
    **dict.fromkeys(("no", "off", "n", "false"), "false"),
}
# What is written below these is not repeated in a message: it may be a secret.
_SILENT = frozenset({"dashboard_users", "secrets"})


def translate(error: ValidationError, document: Document) -> list[tuple[Position, BeeyardError]]:
    """Every mistake in `error`, with its position in `document`."""
    found = [detail for detail in error.errors(include_url=False) if _counts(detail)]
    renamed = {
        (*_loc(document, detail)[:-1], _hint(_loc(document, detail)))
        for detail in found
        if detail["type"] == "extra_forbidden"
    }
    return [
        mistake
        for detail in found
        # A key that is missing since it is misspelt is one mistake, not two.
        if not (detail["type"] == "missing" and _loc(document, detail) in renamed)
        for mistake in _mistakes(document, detail)
    ]


def _counts(detail: Details) -> bool:
    """Whether `detail` is a mistake of its own, not the consequence of another one."""
    # A default could not be made since what it is made from is wrong.
    if detail["type"] == "default_factory_not_called":
        return False
    # A list counts as too short since its values are wrong, which is said of each.
    return not (detail["type"] == "too_short" and detail["input"])


def _mistakes(document: Document, detail: Details) -> Iterator[tuple[Position, BeeyardError]]:
    loc = _loc(document, detail)
    wrongs: tuple[Wrong, ...]
    if detail["type"] == "refused":
        wrongs = detail["ctx"]["wrong"]
    else:
        wrongs = (_WORDS.get(detail["type"], _wrong_otherwise)(document, loc, detail),)
    of_key = "[key]" in detail["loc"] or detail["type"] in ("extra_forbidden", "invalid_key")
    for wrong in wrongs:
        place = document.position((*loc, *wrong.at), of_key=of_key)
        what = f"{dotted((*loc, *wrong.at))}: {wrong.what}"
        yield (
            place,
            BeeyardError(what, where=at(document.path, place), why=wrong.why, fix=wrong.fix),
        )


def _loc(document: Document, detail: Details) -> Loc:
    """Where `detail` is in the file: without pydantic's marks for keys and kinds of a section."""
    loc: list[str | int] = []
    node = document.data
    parts = [part for part in detail["loc"] if part != "[key]"]
    for index, part in enumerate(parts):
        inside: Any = node
        present = isinstance(inside, dict) and part in inside
        if isinstance(inside, list) and isinstance(part, int):
            present = part < len(inside)
        last = index == len(parts) - 1
        left_out = last and part in shape.keys_at(tuple(loc))
        if present or left_out:
            loc.append(str(part) if isinstance(inside, dict) else part)
        if present:
            node = inside[part]
    return tuple(loc)


def _hint(loc: Loc) -> str:
    return shape.nearest(str(loc[-1]), shape.keys_at(loc[:-1])) or ""


def _missing(_document: Document, loc: Loc, _detail: Details) -> Wrong:
    field = shape.field_at(loc)
    description = (field.description or "") if field else ""
    return Wrong("is missing", f"Add `{_example(loc)}`. {description}".rstrip())


def _example(loc: Loc) -> str:
    """The key at `loc` with a value that it may have."""
    field = shape.field_at(loc)
    return f"{loc[-1]}: {_inline(field.examples[0]) if field and field.examples else '…'}"


def _inline(value: object) -> str:
    """`value` as YAML on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_inline(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_inline(item) for item in value) + "]"
    return str(value)


def _unknown_key(_document: Document, loc: Loc, _detail: Details) -> Wrong:
    key, known = str(loc[-1]), shape.keys_at(loc[:-1])
    hint = _hint(loc)
    elsewhere = [home for home in shape.homes(key) if home != dotted(loc[:-1])]
    places = " or ".join(f"`{home}`" for home in elsewhere)
    if elsewhere:
        fix = f"It belongs under {places}" + (f"; or did you mean `{hint}`?" if hint else ".")
    elif hint:
        fix = f"Did you mean `{hint}`?"
    else:
        fix = f"Remove it. Known here: {', '.join(known)}."
    return Wrong("there is no such key", fix)


def _key_no_text(_document: Document, _loc: Loc, _detail: Details) -> Wrong:
    return Wrong("this key is no text", "Put it into quotes, or remove it.")


def _wrong_type(document: Document, loc: Loc, detail: Details) -> Wrong:
    value, wanted = detail["input"], _WANTED[detail["type"]]
    if "[key]" in detail["loc"]:
        return _key_no_text(document, loc, detail)
    return Wrong(f"this is {_kind(value)}; {wanted} is wanted", _type_fix(document, loc, detail))


def _type_fix(document: Document, loc: Loc, detail: Details) -> str:
    text = document.written(loc) or ""
    if detail["input"] is None:
        field = shape.field_at(loc)
        needed = field is not None and field.is_required()
        return f"Write `{_example(loc)}`." if needed else "Give it a value, or remove the line."
    if _SILENT.intersection(str(part) for part in loc):
        text = ""
    return _TYPE_FIXES[_WANTED[detail["type"]]](text)


def _quoted(text: str) -> str:
    return f'Put it into quotes: "{text}".' if text else "Write one text, in quotes."


def _digits(text: str) -> str:
    return (
        f"Write it without quotes: {text}." if text.isdigit() else "Write digits only, such as 3."
    )


def _boolean(text: str) -> str:
    return f"Write {_BOOLEANS.get(text.lower(), 'true or false')}, without quotes."


def _listed(text: str) -> str:
    return f"Write a list: [{text}]." if text else "Write a list: each value after a `- `."


def _keyed(_text: str) -> str:
    return "Write keys with values below it, indented."


_TYPE_FIXES: Mapping[str, Callable[[str], str]] = {
    _TEXT: _quoted,
    _NUMBER: _digits,
    _BOOLEAN: _boolean,
    _LIST: _listed,
    _SECTION: _keyed,
}


def _kind(value: object) -> str:
    """What a value is, for people."""
    kinds: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, str(value).lower()),
        (int, "a number"),
        (float, "a number"),
        (str, "text"),
        (date, "a date"),
        ((list, tuple), "a list"),
        (dict, "a section"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), "nothing")


def _not_one_of(_document: Document, _loc: Loc, detail: Details) -> Wrong:
    allowed = tuple(
        part.strip("'") for part in detail["ctx"]["expected"].replace(" or ", ", ").split(", ")
    )
    value = detail["input"]
    if not isinstance(value, str):
        return Wrong(f"this is {_kind(value)}; text is wanted", f"Use {_either(allowed)}.")
    return Wrong(f"`{value}` is not known", _one_of(value, allowed))


def _unknown_kind(_document: Document, _loc: Loc, detail: Details) -> Wrong:
    allowed = tuple(part.strip("'") for part in detail["ctx"]["expected_tags"].split(", "))
    return Wrong(
        f"kind `{detail['ctx']['tag']}` is not known", _one_of(detail["ctx"]["tag"], allowed)
    )


def _no_kind(_document: Document, _loc: Loc, _detail: Details) -> Wrong:
    return Wrong("its kind is missing", "Add `kind: cluster` or `kind: external`.")


def _one_of(value: str, allowed: tuple[str, ...]) -> str:
    hint = shape.nearest(value, allowed)
    return f"Did you mean `{hint}`?" if hint else f"Use {_either(allowed)}."


def _either(allowed: tuple[str, ...]) -> str:
    return " or ".join(f"`{value}`" for value in allowed)


def _too_small(_document: Document, _loc: Loc, detail: Details) -> Wrong:
    least = detail["ctx"]["ge"]
    return Wrong(f"{detail['input']} is too small", f"Use {least} or more.")


def _too_large(_document: Document, _loc: Loc, detail: Details) -> Wrong:
    return Wrong(f"{detail['input']} is too large", f"Use {detail['ctx']['le']} or less.")


def _too_few(_document: Document, loc: Loc, _detail: Details) -> Wrong:
    field = shape.field_at(loc)
    description = (field.description or "") if field else ""
    return Wrong("the list is empty", f"Name one at least. {description}".rstrip())


def _too_many(_document: Document, _loc: Loc, detail: Details) -> Wrong:
    most = detail["ctx"]["max_length"]
    return Wrong(f"there are {len(detail['input'])} values", f"Name {most} at most.")


def _empty(_document: Document, _loc: Loc, _detail: Details) -> Wrong:
    return Wrong("the text is empty", "Give it a value, or remove the line.")


def _loop(_document: Document, _loc: Loc, _detail: Details) -> Wrong:
    return Wrong("this alias leads back to itself", "Write the value out.")


def _wrong_otherwise(_document: Document, _loc: Loc, detail: Details) -> Wrong:
    return Wrong(str(detail["msg"]), "See docs/reference/beeyard.yml for what is allowed.")


_WORDS: Mapping[str, Callable[[Document, Loc, Details], Wrong]] = {
    **dict.fromkeys(_WANTED, _wrong_type),
    "missing": _missing,
    "extra_forbidden": _unknown_key,
    "invalid_key": _key_no_text,
    "literal_error": _not_one_of,
    "union_tag_invalid": _unknown_kind,
    "union_tag_not_found": _no_kind,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "too_short": _too_few,
    "too_long": _too_many,
    "string_too_short": _empty,
    "recursion_loop": _loop,
}
