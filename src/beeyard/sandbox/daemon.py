"""Starts the supervisor as a process of its own, and waits until the sandbox is ready.

    python -m beeyard.sandbox.daemon NAME

What is being done is printed, a line each. Exit code 0: the sandbox is ready, and its supervisor
runs on, in a session of its own. Else standard error says why, and the supervisor has ended.
"""

import os
import signal
import sys
from pathlib import Path
from typing import NoReturn, TextIO

from beeyard.sandbox.state import StateFolder
from beeyard.sandbox.supervisor import READY, main

#: Before the lines of a failure in the pipe from the supervisor.
FAILURE = "! "


def launch(name: str) -> int:
    """Fork, and relay what the supervisor says until it is ready or has failed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _become_supervisor(name, writer)
    os.close(writer)
    try:
        with os.fdopen(reader) as pipe:
            return 0 if _relay(pipe) else 1
    except KeyboardInterrupt:
        os.kill(child, signal.SIGTERM)
        return 130


def _relay(pipe: TextIO) -> bool:
    """Whether the pipe's lines end with the word that all is ready."""
    for line in map(str.rstrip, pipe):
        if line == READY:
            return True
        failed = line.startswith(FAILURE)
        stream = sys.stderr if failed else sys.stdout
        stream.write(line.removeprefix(FAILURE) + "\n")
        stream.flush()
    return False


def _become_supervisor(name: str, writer: int) -> NoReturn:
    """Leave the terminal and the caller's pipes: whoever reads those waits until all have left."""
    os.setsid()
    os.chdir("/")
    with StateFolder.of(name).log.open("ab") as log:
        os.dup2(log.fileno(), sys.stdout.fileno())
        os.dup2(log.fileno(), sys.stderr.fileno())
    with Path(os.devnull).open() as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    code = 1
    try:
        code = main(name, writer)
    finally:
        # Not `sys.exit`: what the parent had begun must not be ended twice.
        os._exit(code)


if __name__ == "__main__":
    sys.exit(launch(sys.argv[1]))
