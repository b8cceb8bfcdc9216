"""Running `git` on a repository for what it says."""

from beeyard.controller.git.environment import git
from beeyard.controller.git.errors import GitError
from beeyard.controller.git.repositories import Repository
from beeyard.process import CommandTimeout
from beeyard.process_stream import Captured, TooMuchOutput, capture

#: Seconds for a question that reads some objects.
PATIENCE = 60.0


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
