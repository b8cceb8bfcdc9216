"""What is said of what somebody stopped."""

import signal

from beeyard.cli.signals import Stopped
from beeyard.errors import render


def test_what_can_go_on_is_run_again() -> None:
    assert render(Stopped(signal.SIGINT).in_words()).splitlines() == [
        "error: stopped by you",
        "  do:    run it again to go on from here",
    ]


def test_what_was_undone_is_said_instead() -> None:
    stopped = Stopped(signal.SIGTERM)
    stopped.add_note("release 4 of shop failed; release 3 serves")
    assert render(stopped.in_words()).splitlines() == [
        "error: stopped by SIGTERM",
        "  why:   release 4 of shop failed; release 3 serves",
    ]
