"""Running `git` on a repository for what it says."""

import re

from beeyard.controller.git.environment import environment, git
from beeyard.controller.git.errors import GitError
from beeyard.controller.git.repositories import Repository
from beeyard.errors import ToolError
from beeyard.process import Command, CommandTimeout
from beeyard.process_stream import Captured, TooMuchOutput, capture

#: Seconds for a question that reads some objects.
PATIENCE = 60.0
#: `safe.directory` from the environment came with 2.38, and 2.39.4 looks at it when it serves.
OLDEST = (2, 39)


async def check_git() -> None:
    """See that there is a Git that does what this package relies on. Raises ToolError."""
    said = await capture(Command(["git", "version"], env=environment(), timeout=20), inherit=False)
    found = re.search(rb"([0-9]+)\.([0-9]+)", said.output)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        raise ToolError(
            "the git remote needs Git 2.39 or newer",
            why=f"`git version` says: {said.output.decode(errors='replace').strip()}",
            fix="install a newer one",
        )


async def ask(
    repository: Repository,
    *arguments: str,
    data: bytes | None = None,
    limit: int = 4 << 20,
    codes: tuple[int, ...] = (0,),
    timeout: float = PATIENCE,
) -> Captured:
    """What `git` says to `arguments`, `limit` bytes at most.

    Raises GitError if it ends with none of `codes`, says too much or takes too long.
    """
    command = git(repository.path, *arguments, data=data, timeout=timeout)
    try:
        said = await capture(command, inherit=False, limit=limit)
    except (TooMuchOutput, CommandTimeout) as error:
        raise failed(repository, arguments[0], error.what) from error
    if said.code not in codes:
        raise failed(repository, arguments[0], said.said or f"exit code {said.code}")
    return said


def failed(repository: Repository, command: str, why: str) -> GitError:
    """The error for a `git` that did not do what it was asked for."""
    return GitError(
        f"`git {command}` failed in the repository of {repository.application}", why=why
    )
