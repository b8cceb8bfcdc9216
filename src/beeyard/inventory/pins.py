"""Pinned host keys, as lines of `known_hosts`: by the machine's identity and the kind of key. Pure.

Source of the format: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". What beeyard has pinned has one name
to a line: the instance's ID. What was forgotten on purpose stands there as a comment.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

#: Identity and kind of key, to the key.
Pins = Mapping[tuple[str, str], str]
#: Identity, kind of key, key.
Pin = tuple[str, str, str]
_FORGOTTEN = "# forgotten: "


@dataclass(frozen=True)
class Disagreement:
    """Two places hold another key of the same kind for one machine."""

    identity: str
    kind: str
    here: str
    there: str


def parse(text: str) -> dict[tuple[str, str], str]:
    """The pins of a `known_hosts`; lines that are none are left out."""
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and not line.startswith(("#", "@")):
            found[words[0], words[1]] = words[2]
    return found


def forgotten(text: str) -> set[Pin]:
    """The pins that are not to be taken from any copy."""
    found = set()
    for line in text.splitlines():
        words = line.removeprefix(_FORGOTTEN).split()
        if line.startswith(_FORGOTTEN) and len(words) == 3:
            found.add((words[0], words[1], words[2]))
    return found


def render(pins: Pins, forgotten: Collection[Pin] = ()) -> str:
    """The same pins always give the same text."""
    lines = [f"{name} {kind} {key}\n" for (name, kind), key in sorted(pins.items())]
    return "".join([*lines, *(f"{_FORGOTTEN}{' '.join(pin)}\n" for pin in sorted(forgotten))])


def flat(pins: Pins) -> set[Pin]:
    """Each pin as one tuple."""
    return {(*pin, key) for pin, key in pins.items()}


def without(pins: Pins, gone: Collection[Pin]) -> dict[tuple[str, str], str]:
    """The pins that are not among these."""
    return {pin: key for pin, key in pins.items() if (*pin, key) not in gone}


def of_those(pins: Pins, there: Collection[str]) -> dict[tuple[str, str], str]:
    """The pins of these machines alone."""
    return {pin: key for pin, key in pins.items() if pin[0] in there}


def disagreements(here: Pins, there: Pins) -> tuple[Disagreement, ...]:
    """Where both know a key, and not the same one."""
    return tuple(
        Disagreement(*pin, here[pin], there[pin])
        for pin in sorted(here.keys() & there.keys())
        if here[pin] != there[pin]
    )
