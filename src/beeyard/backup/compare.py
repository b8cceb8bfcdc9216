"""What a backup says that it holds, held against what came out of it. Pure."""

from collections.abc import Mapping

from beeyard.backup.model import Fact

#: How many differences are named; the rest are counted.
_MOST = 10


def differences(wanted: Mapping[str, Fact], found: Mapping[str, Fact]) -> tuple[str, ...]:
    """Each difference in words; empty where both are the same."""
    said = [
        _difference(name, wanted.get(name), found.get(name)) for name in sorted({*wanted, *found})
    ]
    real = [text for text in said if text]
    more = len(real) - _MOST
    return (*real[:_MOST], *([f"and {more} more"] if more > 0 else []))


def _difference(name: str, wanted: Fact | None, found: Fact | None) -> str:
    if found is None:
        return f"{name} is missing"
    if wanted is None:
        return f"{name} was not there"
    if wanted.count != found.count:
        return f"{name} has {found.count} entries, not {wanted.count}"
    return "" if wanted.digest == found.digest else f"{name} has other content"
