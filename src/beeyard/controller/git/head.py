"""Which branch a clone checks out."""

from collections.abc import Sequence

from beeyard.controller.git.history import default_branch, resolve
from beeyard.controller.git.names import BRANCHES
from beeyard.controller.git.push import Push
from beeyard.controller.git.repositories import Repository
from beeyard.controller.git.run import ask


async def settle_head(repository: Repository, pushed: Sequence[Push]) -> None:
    """Where the default branch does not exist, make it one that was just pushed: `master` if that
    is among them, else the first. Raises GitError."""
    made = [push.ref for push in pushed if push.created and push.ref.startswith(BRANCHES)]
    if not made or await resolve(repository, BRANCHES + await default_branch(repository)):
        return
    master = f"{BRANCHES}master"
    await ask(repository, "symbolic-ref", "HEAD", master if master in made else made[0])
