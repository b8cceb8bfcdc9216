"""The git remote of the cluster: smart HTTP, one bare repository for each application."""

from beeyard.controller.git.access import Action, Authenticate, Identity
from beeyard.controller.git.errors import GitError, Refusal
from beeyard.controller.git.files import archive, file_at
from beeyard.controller.git.follow import OnPush
from beeyard.controller.git.history import (
    Commit,
    Signature,
    changed_paths,
    commit,
    default_branch,
    is_ancestor,
    log,
    refs,
    resolve,
)
from beeyard.controller.git.names import NOTHING
from beeyard.controller.git.push import Push
from beeyard.controller.git.remote import GitRemote
from beeyard.controller.git.repositories import Repositories, Repository
from beeyard.controller.git.run import check_git
from beeyard.controller.git.settings import Settings
from beeyard.controller.git.unseen import missed
from beeyard.controller.git.upkeep import maintain

__all__ = [
    "NOTHING",
    "Action",
    "Authenticate",
    "Commit",
    "GitError",
    "GitRemote",
    "Identity",
    "OnPush",
    "Push",
    "Refusal",
    "Repositories",
    "Repository",
    "Settings",
    "Signature",
    "archive",
    "changed_paths",
    "check_git",
    "commit",
    "default_branch",
    "file_at",
    "is_ancestor",
    "log",
    "maintain",
    "missed",
    "refs",
    "resolve",
]
