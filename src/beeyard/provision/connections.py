"""The shared SSH connections of a cluster, which outlive the commands that opened them."""

import shutil
from pathlib import Path

from beeyard.process import Command, Runner


def close(sockets: Path, runner: Runner) -> None:
    """End every connection whose control socket lies in `sockets`, and remove the folder."""
    if not sockets.is_dir():
        return
    for socket in sorted(sockets.iterdir()):
        # One whose other side is gone answers with an error, and is gone all the same.
        argv = ["ssh", "-F", "/dev/null", "-o", f"ControlPath={socket}", "-O", "exit", "node"]
        runner.run(Command(argv, timeout=10), check=False)
    shutil.rmtree(sockets)
