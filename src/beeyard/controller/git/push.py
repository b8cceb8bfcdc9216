"""What was pushed, as records."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from beeyard.controller.git.errors import GitError
from beeyard.controller.git.history import is_ancestor
from beeyard.controller.git.names import BRANCHES, NOTHING
from beeyard.controller.git.repositories import Repository

#: Push options (`git push -o …`) that mean something here.
SKIP, NO_FOLLOW = "ci.skip", "no-follow"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """A ref that a client wants to be moved. `before`, `after`: object names, or NOTHING."""

    ref: str
    before: str
    after: str


@dataclass(frozen=True)
class Push:
    """A ref that was moved by a push: it is so already.

    ref      in full: `refs/heads/main`, `refs/tags/v1`
    before, after  object names, NOTHING where it was created or deleted; of an annotated tag, the
             tag's own, which `commit` resolves
    pusher   the name of the identity; empty if it is not known (see `missed`)
    forced   the branch lost commits that it had, or the tag stands for something else now
    options  what the pusher gave with `git push -o`
    """

    application: str
    ref: str
    before: str
    after: str
    pusher: str
    at: datetime
    forced: bool = False
    options: tuple[str, ...] = ()

    @property
    def created(self) -> bool:
        return self.before == NOTHING

    @property
    def deleted(self) -> bool:
        return self.after == NOTHING

    @property
    def skip(self) -> bool:
        """Whether the pusher wants no pipeline: `-o ci.skip`."""
        return SKIP in self.options

    @property
    def follow(self) -> bool:
        """Whether the pusher wants to see what becomes of it; not so with `-o no-follow`."""
        return NO_FOLLOW not in self.options


async def pushes(
    repository: Repository,
    changes: Sequence[Change],
    accepted: Collection[str],
    pusher: str,
    options: tuple[str, ...] = (),
) -> tuple[Push, ...]:
    """The records of those changes that Git accepted, in their order."""
    now = datetime.now(UTC)
    return tuple(
        [
            Push(
                application=repository.application,
                ref=change.ref,
                before=change.before,
                after=change.after,
                pusher=pusher,
                at=now,
                forced=await is_forced(repository, change),
                options=options,
            )
            for change in changes
            if change.ref in accepted
        ]
    )


async def is_forced(repository: Repository, change: Change) -> bool:
    """Whether a change of a branch leaves commits behind, or one of a tag moves it."""
    if NOTHING in {change.before, change.after} or change.before == change.after:
        return False
    if not change.ref.startswith(BRANCHES):
        return True
    try:
        return not await is_ancestor(repository, change.before, change.after)
    except GitError:
        # The ref has moved, and has to be told of.
        _log.exception("whether %s was forced is not known", change.ref)
        return True
