"""Files that are the user's alone."""

import os
import tempfile
from pathlib import Path

from beeyard.errors import ToolError


def write_private(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Write a file that only its owner can read (or whom `mode` lets), never visible to others in
    between, and in one move: whoever reads it meanwhile (an `ssh` its configuration) has what was
    there, or all of the new."""
    # A link stays one.
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    beside = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(data)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


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
