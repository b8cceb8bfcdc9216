"""What applications' repositories know of the order of commits, for `deliveries`."""

from dataclasses import dataclass

from beeyard.controller.git import Repositories, is_ancestor, resolve


@dataclass(frozen=True)
class RepositoryAncestry:
    """`Ancestry` by Git, in the repositories that forges' commits are fetched into."""

    repositories: Repositories

    async def is_ancestor(self, application: str, older: str, newer: str) -> bool:
        """Whether `newer` has `older` in its history; False where one of them is not there.

        Raises GitError where Git fails.
        """
        repository = await self.repositories.find(application)
        if repository is None:
            return False
        for commit in (older, newer):
            if await resolve(repository, commit) is None:
                return False
        return await is_ancestor(repository, older, newer)
