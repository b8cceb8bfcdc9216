"""Secrets as a type that does not show itself."""

import secrets as _random
from typing import Self

_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"


class Secret:
    """A value that reads as `***` in repr, str, f-strings and JSON; `reveal()` gives it.

    Deliberately not a `str`: whatever would write it down by accident fails or masks.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    @classmethod
    def generate(cls, length: int = 32) -> Self:
        """A new random secret of letters and digits, `length` characters long."""
        return cls("".join(_random.choice(_ALPHABET) for _ in range(length)))

    def reveal(self) -> str:
        """The value itself: for the last step before it is used."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and _random.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)
