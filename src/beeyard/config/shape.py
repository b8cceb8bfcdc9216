"""Which keys the model knows, and where: for hints about those that it doesn't."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from beeyard.config.model import ClusterSpec

Model = type[BaseModel]


def fields(model: Model) -> dict[str, FieldInfo]:
    """The fields of `model` by their key in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def field_at(loc: tuple[str | int, ...]) -> FieldInfo | None:
    """The field that `loc` leads to, or None."""
    for model in models_at(loc[:-1]):
        field = fields(model).get(str(loc[-1]))
        if field is not None:
            return field
    return None


def models_at(loc: tuple[str | int, ...]) -> tuple[Model, ...]:
    """The models that may stand at `loc`: one, several for a section of several kinds, or none."""
    kinds: tuple[Any, ...] = (ClusterSpec,)
    for part in loc:
        kinds = tuple(inner for kind in kinds for inner in _inside(kind, part))
    return tuple(kind for kind in kinds if _is_model(kind))


def _inside(kind: Any, part: str | int) -> Iterator[Any]:
    if _is_model(kind):
        field = fields(kind).get(str(part))
        if field is not None:
            yield from _members(field.annotation)
    elif get_origin(kind) in (Mapping, dict, tuple):
        arguments = [kind for kind in get_args(kind) if kind is not Ellipsis]
        yield from _members(arguments[-1])


def _members(annotation: Any) -> Iterator[Any]:
    """`annotation` without Annotated, Optional and Union around it."""
    if get_origin(annotation) is Annotated:
        yield from _members(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for member in get_args(annotation):
            yield from _members(member)
    else:
        # The origin of typing's Mapping[…] is collections.abc.Mapping: both read alike here.
        yield annotation


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def nearest(name: str, known: tuple[str, ...]) -> str | None:
    """The one of `known` that `name` most likely stands for, or None."""
    return next(
        iter(get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.6)), None
    )


def keys_at(loc: tuple[str | int, ...]) -> tuple[str, ...]:
    """The keys that may stand at `loc`, in the order of the model."""
    return tuple(dict.fromkeys(key for model in models_at(loc) for key in fields(model)))


def homes(key: str) -> tuple[str, ...]:
    """The sections of the file that have a key of this name; applications are left out."""
    sections = {section: keys_at((section,)) for section in fields(ClusterSpec)}
    found = [section for section, keys in sections.items() if key in keys]
    return ("ingress.acme", *found) if key in keys_at(("ingress", "acme")) else tuple(found)
