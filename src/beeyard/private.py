"""Files that are the user's alone."""

import os
from pathlib import Path


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, never visible to others in between."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter; gives it back."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path
