"""How a rule of the model says no: in words, with the place inside the value and what would be
right.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from pydantic_core import PydanticCustomError


@dataclass(frozen=True)
class Wrong:
    """One thing wrong with a value.

    `what` goes on after the path in the file ("… is an even number"); `fix` is what would be right;
    `why` the reason behind the rule; `at` leads from the value to the part of it that is wrong.
    """

    what: str
    fix: str
    why: str | None = None
    at: tuple[str | int, ...] = ()


def refusal(*wrong: Wrong) -> PydanticCustomError:
    """The exception for a validator to raise. `mistakes` turns it into one mistake per `Wrong`."""
    return PydanticCustomError("refused", "refused", {"wrong": wrong})


def refuse_all(wrong: Iterable[Wrong]) -> None:
    """Raises what `refusal` makes of `wrong`, where there is any."""
    found = tuple(wrong)
    if found:
        raise refusal(*found)
