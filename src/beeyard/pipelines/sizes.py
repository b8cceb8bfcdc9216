"""Sizes as Docker writes them: `512m`, `1gb`, `1.5GiB`, or plain bytes.

Source: docker/go-units, `RAMInBytes`, which Docker uses for memory: all units are powers of 1024.
"""

import re

_SIZE = re.compile(
    r"(?P<number>[0-9]{1,15}(\.[0-9]{1,6})?) ?(?:b|(?P<unit>[kmgtp])(?:i?b)?)?", re.IGNORECASE
)
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def size_in_bytes(written: str) -> int | None:
    """The bytes that `written` stands for, or None if it is no size."""
    match = _SIZE.fullmatch(written.strip())
    if match is None:
        return None
    power = _POWERS[match["unit"].lower()] if match["unit"] else 0
    return int(float(match["number"]) * 1024**power)
