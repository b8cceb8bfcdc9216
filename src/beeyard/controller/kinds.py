"""The kinds of records that this version knows, and how they are written."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from beeyard.controller.records import Record
from beeyard.errors import BeeyardError

_NEWER = "run the version of beeyard that wrote it, or a newer one"


class UnknownRecord(BeeyardError):
    """A record that this version can't read."""


class Kinds:
    """What reads and writes records of some models, each with a `kind` of its own.

    Raises ValueError (a mistake in our code) if two have one kind.
    """

    def __init__(self, models: Iterable[type[Record]]) -> None:
        self._models: dict[str, type[Record]] = {}
        for model in models:
            kind = str(model.model_fields["kind"].default)
            if kind in self._models:
                raise ValueError(f"two records of kind {kind}")
            self._models[kind] = model

    def encode(self, record: Record) -> bytes:
        """A record as JSON on one line. Raises ValueError (a mistake in our code) for one that is
        not of these kinds, and so could not be read again."""
        kind = getattr(record, "kind", None)
        if self._models.get(str(kind)) is not type(record):
            raise ValueError(f"{type(record).__name__} is no record that could be read again")
        return record.model_dump_json().encode()

    def decode(self, said: Mapping[str, Any]) -> Record:
        """The record that was written. Raises UnknownRecord for one of a newer version."""
        model = self._models.get(str(said.get("kind")))
        if model is None:
            raise UnknownRecord(
                f"there is a record of the kind `{said.get('kind')}`, which this version does not "
                "know",
                fix=_NEWER,
            )
        try:
            return model.model_validate(said)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise UnknownRecord(
                f"a record of the kind `{said['kind']}` is not as this version knows it",
                why=f"{field}: {first['msg']}",
                fix=_NEWER,
            ) from error
