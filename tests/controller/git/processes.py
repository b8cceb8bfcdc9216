"""Which processes of Git work on a repository now."""

from pathlib import Path

import psutil


def at_work(path: Path) -> list[str]:
    """The command lines of those that this process, or a child of it, started there."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if process.name() == "git" and process.cwd() == str(path):
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found
