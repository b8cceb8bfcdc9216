"""The words of a command line: which options count anywhere, and what is said about a mistake."""

from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from beeyard.errors import BeeyardError

_FLAGS = frozenset({"--sandbox", "--json", "--debug"})
_FILE = frozenset({"-f", "--file"})
#: Commands whose `-f` is their own.
_FOLLOW = frozenset({"logs"})


class Misunderstood(BeeyardError):
    """The command line was not understood."""

    exit_code = 2


class Command(TyperCommand):
    """A command whose help shows a flag without a type: it takes no value."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """Commands below one word; flags as in `Command`."""

    def get_params(self, ctx: Any) -> list[Any]:
        return _without_types(super().get_params(ctx))


def in_front(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The options that every command shares, and the rest: they count wherever they stand.

    What follows `--`, or the node of `ssh`, belongs to another program and stays as it is. So does
    the `-f` of `logs`, which is another one.
    """
    shared: list[str] = []
    rest: list[str] = []
    left = list(arguments)
    while left and left[0] != "--" and not _another_program(rest):
        word = left.pop(0)
        if word in _FLAGS or word.startswith("--file="):
            shared.append(word)
        elif word in _FILE and left and not (word == "-f" and _FOLLOW & set(_plain(rest)[:1])):
            shared += [word, left.pop(0)]
        else:
            rest.append(word)
    return shared, rest + left


def misunderstood(error: typer.TyperException) -> Misunderstood:
    """What the library says of a command line, as one of our errors."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "beeyard"
    # The types are pydantic's, and so are the words before what it has to say.
    what = error.format_message().replace("Value error, ", "").rstrip(".").replace("'", "`")
    return Misunderstood(what[:1].lower() + what[1:], fix=f"{path} --help shows what there is")


def _another_program(words: Sequence[str]) -> bool:
    plain = _plain(words)
    return plain[:1] == ["ssh"] and len(plain) > 1


def _plain(words: Sequence[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


def _without_types(parameters: list[Any]) -> list[Any]:
    for parameter in parameters:
        if getattr(parameter, "is_flag", False) and parameter.metavar is None:
            parameter.metavar = ""
    return parameters
