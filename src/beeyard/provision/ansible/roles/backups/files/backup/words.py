"""What is said, and what went wrong in words that a user can act on."""

import sys


class Failed(Exception):
    """It could not be done; its text says why."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
