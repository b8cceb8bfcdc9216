"""The runtime: Python, git, an SSH client and locked packages.

Knows of no stage: the rehearsal makes this image too, and has it in its mirror of Docker Hub.
"""

import hashlib
from importlib import resources

from beeyard.packaged import Files, read

REPOSITORY = "beeyard/runtime"


def files() -> Files:
    """What it is built from."""
    return read(resources.files(__package__) / "contexts/runtime")


def reference() -> str:
    """Its name, with the hash of what it is built from for a tag."""
    digest = hashlib.sha256()
    for path, (mode, contents) in sorted(files().items()):
        digest.update(f"{path}\0{mode:o}\0{len(contents)}\0".encode() + contents)
    return f"{REPOSITORY}:{digest.hexdigest()[:16]}"
