"""Files that are the user's alone."""

import os
from pathlib import Path

from beeyard.errors import ToolError


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, never visible to others in between."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        # The mode above is for a new file only.
        os.fchmod(file.fileno(), 0o600)
        file.write(data)


def private_folder(path: Path) -> Path:
    """Make a folder that only its owner can enter; gives it back. ToolError if it isn't ours."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        # One that was there may be open to others, or belong to somebody who waits for our files.
        path.chmod(0o700)
    except PermissionError as error:
        raise ToolError(
            f"the folder {path} belongs to somebody else", why=str(error), fix=f"remove {path}"
        ) from error
    return path
