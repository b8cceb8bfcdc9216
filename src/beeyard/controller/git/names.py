"""What names may come from outside: of applications, refs, commits and files."""

import re

from pydantic import TypeAdapter, ValidationError

from beeyard.config.names import ApplicationName
from beeyard.controller.git.errors import GitError

#: What stands for no commit, where a ref is created or deleted.
NOTHING = "0" * 40
BRANCHES, TAGS = "refs/heads/", "refs/tags/"

_APPLICATION: TypeAdapter[str] = TypeAdapter(ApplicationName)
_ID = re.compile(r"[0-9a-f]{40}")
# Source: git-check-ref-format(1). What else it forbids is in `is_ref`.
_IN_NO_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")


def is_application(name: str) -> bool:
    """Whether an application may have that name, and so a repository."""
    try:
        _APPLICATION.validate_python(name)
    except ValidationError:
        return False
    return True


def is_id(text: str) -> bool:
    """Whether it is the whole name of an object: 40 hex digits."""
    return _ID.fullmatch(text) is not None


def is_ref(ref: str) -> bool:
    """Whether it is the full name of a branch or tag as Git allows it."""
    if not ref.startswith((BRANCHES, TAGS)) or _IN_NO_REF.search(ref):
        return False
    parts = ref.split("/")
    fine = all(part and part[0] != "." and not part.endswith(".lock") for part in parts)
    return fine and not ref.endswith(".")


def object_name(text: str) -> str:
    """`text`, if it names an object in full, or a branch or tag. Raises GitError if not."""
    if is_id(text) or is_ref(text):
        return text
    raise GitError(f"`{text}` names no commit, branch or tag", fix="give it in full: refs/heads/…")


def file_path(path: str) -> str:
    """`path`, if it is one within a repository. Raises GitError if not."""
    parts = path.split("/")
    if "\0" in path or any(part in {"", ".", ".."} for part in parts):
        raise GitError(f"`{path}` is no path within a repository")
    return path
