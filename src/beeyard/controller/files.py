"""Files on the shared storage: the few operations that everything below `/data` is made of.

Relied on, because NFSv4 and EFS promise it, and sshfs was seen to hold it:

- Of those who create a file with O_EXCL, one succeeds (RFC 8881, 18.16, EXCLUSIVE4_1). Over sshfs
  those who come at the same moment are told EPERM instead of EEXIST: SFTP has one code for both.
- What was written and synced before a file is opened elsewhere is seen there (close-to-open). EFS:
  "Data consistency", docs.aws.amazon.com/efs/latest/ug/features.html.
- A rename replaces its target at once.
- A synced write is durable. One that was not synced may be there in part, also with a gap of zeros.

Not relied on: locks, appends of two writers to one file, modification times, mmap. Nor that a name
which was made elsewhere is seen at once: an NFS client may remember for up to a minute that there
was none (nfs(5), `acdirmax`). So what must be seen at once is written into files that are there.
"""

import os
from pathlib import Path


def create(path: Path, data: bytes) -> bool:
    """Make a file that must not be there yet, on disk on return. False: there is one."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except PermissionError:
        if path.exists():
            return False
        raise
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    sync_folder(path.parent)
    return True


def overwrite(path: Path, data: bytes) -> None:
    """Write over the beginning of a file, which is made if it is not there; on disk on return."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        write_at(handle, data, 0)
        os.fsync(handle)
    finally:
        os.close(handle)


def replace(path: Path, data: bytes) -> None:
    """Put a whole file in place at once; on disk on return. The folder must be there."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(handle)
    beside.rename(path)
    sync_folder(path.parent)


def content(path: Path, most: int = 4096) -> bytes | None:
    """The first bytes of a file, opened anew and so as fresh as can be; None where there is none.

    A pair of names which one client removed while another looked reads as none, too.
    """
    try:
        with path.open("rb", buffering=0) as file:
            return file.read(most)
    except FileNotFoundError:
        return None


def write_at(handle: int, data: bytes, offset: int) -> None:
    """Write all of `data` at `offset`."""
    view = memoryview(data)
    while view:
        written = os.pwrite(handle, view, offset)
        view, offset = view[written:], offset + written


def sync_folder(folder: Path) -> None:
    """See to it that names in a folder outlive a loss of power (a local disk's need)."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
