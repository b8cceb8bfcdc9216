"""Reading a repository: refs, commits, what changed between them.

Names are checked before they reach Git, and stand after `--end-of-options`. Bytes that are no UTF-8
are replaced.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from beeyard.controller.git.errors import GitError
from beeyard.controller.git.names import BRANCHES, NOTHING, TAGS, is_id, object_name
from beeyard.controller.git.repositories import Repository
from beeyard.controller.git.run import ask

# What Git calls the tree without files. Source: git-hash-object(1), of an empty input with -t tree.
_EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_FIELDS = ("%H", "%P", "%an", "%ae", "%at", "%cn", "%ce", "%ct", "%B")
_FORMAT = "%x00".join(_FIELDS)


@dataclass(frozen=True)
class Signature:
    """Who wrote or made a commit, as they say themselves, and when (UTC)."""

    name: str
    email: str
    at: datetime


@dataclass(frozen=True)
class Commit:
    """The facts of a commit. `message` is all of it, without blank lines at the end."""

    id: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    message: str

    @property
    def title(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


async def resolve(repository: Repository, name: str) -> str | None:
    """The commit that a branch, a tag or an object's id leads to; None if there is none.

    Raises GitError for any other kind of name.
    """
    wanted = f"{object_name(name)}^{{commit}}"
    arguments = ("rev-parse", "--verify", "--quiet", "--end-of-options", wanted)
    said = await ask(repository, *arguments, codes=(0, 1, 128))
    found = _text(said.output).strip()
    return found if said.code == 0 and is_id(found) else None


async def refs(repository: Repository) -> dict[str, str]:
    """Branches and tags, with the objects that they name: as `Push.after` has it."""
    form = "--format=%(objectname) %(refname)"
    said = await ask(repository, "for-each-ref", form, BRANCHES, TAGS, limit=32 << 20)
    pairs = (line.split(" ", 1) for line in said.output.decode(errors="replace").splitlines())
    return {ref: found for found, ref in pairs}


async def default_branch(repository: Repository) -> str:
    """The name of the branch that a clone checks out; it need not exist yet. Raises GitError."""
    said = await ask(repository, "symbolic-ref", "--quiet", "HEAD")
    return _text(said.output).strip().removeprefix(BRANCHES)


async def commit(repository: Repository, name: str) -> Commit:
    """The facts of the commit that `name` leads to. Raises GitError if there is none."""
    return (await log(repository, name, 1))[0]


async def log(repository: Repository, name: str, count: int) -> tuple[Commit, ...]:
    """The newest `count` commits of a branch, tag or commit, newest first. Raises GitError."""
    found = await resolve(repository, name)
    if found is None:
        raise GitError(f"the repository of {repository.application} has no commit {name}")
    form = (f"--format=tformat:{_FORMAT}", "-z", "--encoding=UTF-8", "--no-show-signature")
    said = await ask(
        repository, "log", f"--max-count={count}", *form, "--end-of-options", found, "--"
    )
    fields = _text(said.output).split("\0")
    size = len(_FIELDS)
    return tuple(_commit(fields[at : at + size]) for at in range(0, len(fields) - 1, size))


async def is_ancestor(repository: Repository, older: str, newer: str) -> bool:
    """Whether `newer` has all that `older` has. Raises GitError if one of them is not there."""
    pair = (object_name(older), object_name(newer))
    arguments = ("merge-base", "--is-ancestor", "--end-of-options", *pair)
    return (await ask(repository, *arguments, codes=(0, 1))).code == 0


async def changed_paths(repository: Repository, before: str, after: str) -> tuple[str, ...]:
    """The files that differ between two commits, by path; all of them if `before` is NOTHING.

    A file that was moved counts with both paths. Raises GitError.
    """
    old = _EMPTY_TREE if before == NOTHING else object_name(before)
    flags = ("-r", "-z", "--name-only", "--no-renames", "--no-commit-id")
    said = await ask(
        repository, "diff-tree", *flags, "--end-of-options", old, object_name(after), limit=32 << 20
    )
    return tuple(_text(said.output).split("\0")[:-1])


def _commit(fields: list[str]) -> Commit:
    name, parents, *people, message = fields
    return Commit(
        id=name,
        parents=tuple(parents.split()),
        author=_signature(people[:3]),
        committer=_signature(people[3:]),
        message=message.rstrip("\n"),
    )


def _signature(fields: list[str]) -> Signature:
    name, email, seconds = fields
    return Signature(name, email, _time(seconds))


def _time(seconds: str) -> datetime:
    """A time as a commit has it, which its author made up."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(0, UTC)


def _text(data: bytes) -> str:
    return data.decode(errors="replace")
