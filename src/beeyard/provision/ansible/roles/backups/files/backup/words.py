"""What is said, and what went wrong in words that a user can act on."""

import sys


class Failed(Exception):
    """It could not be done; its text says why."""

    code = 1


class Damaged(Failed):
    """The backup is not what it should be: no other try makes it good."""

    code = 3


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
