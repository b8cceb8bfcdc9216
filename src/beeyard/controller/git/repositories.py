"""Where the repositories are: `FOLDER/<application>.git`, bare, made by us and by nobody else."""

import asyncio
import logging
import os
import secrets
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from beeyard.controller.git.environment import environment
from beeyard.controller.git.errors import GitError
from beeyard.controller.git.names import is_application
from beeyard.process import Command
from beeyard.process_stream import capture

#: The branch that a repository begins with, unless the first push has another.
FIRST_BRANCH = "main"

# All of a repository's own settings. What stands there is what a hostile one could run something by
# (filters, hooks, transports), so it is compared whenever the repository is opened.
_OURS = {
    "config": b"[core]\n\trepositoryformatversion = 0\n\tfilemode = true\n\tbare = true\n",
    # An archive has what a checkout has; what is in a tree must not choose otherwise.
    "info/attributes": b"* -export-ignore -export-subst\n",
}
# What makes Git read its settings or objects somewhere else. Source: gitrepository-layout(5).
_ELSEWHERE = ("commondir", "config.worktree", "objects/info/alternates")

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Repository:
    """The bare repository of an application. `path` is a folder that exists and was looked at."""

    application: str
    path: Path


class Repositories:
    """All repositories, in one folder on the shared files.

    Git's own locks are files made with O_EXCL, and its changes are renames: both hold on a network
    file system. A repository is made beside and renamed, so that it is there whole or not at all.
    """

    def __init__(self, folder: Path) -> None:
        """Makes the folder if it isn't there."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
        self.folder = folder.resolve()

    async def find(self, application: str) -> Repository | None:
        """The repository of an application; None if it has none, or can't have one.

        Raises GitError if what is there is none of ours.
        """
        try:
            return await asyncio.to_thread(self._find, application)
        except OSError as error:
            raise GitError(
                f"the repository of {application} can't be opened", why=str(error)
            ) from error

    async def create(self, application: str) -> Repository:
        """The repository of an application, made if it isn't there. Raises GitError."""
        found = await self.find(application)
        if found is not None:
            return found
        if not is_application(application):
            raise GitError(f"`{application}` can't name an application")
        await self._make(application)
        made = await self.find(application)
        if made is None:
            raise GitError(f"the repository of {application} could not be made")
        return made

    async def all(self) -> tuple[Repository, ...]:
        """Every repository, by the application's name. One that can't be opened is logged, and left
        out: it must not keep us from the others. Raises GitError if the folder can't be read."""
        try:
            names = await asyncio.to_thread(os.listdir, self.folder)
        except OSError as error:
            raise GitError("the repositories can't be listed", why=str(error)) from error
        applications = sorted(name.removesuffix(".git") for name in names if name.endswith(".git"))
        found = [await self._try(application) for application in applications]
        return tuple(repository for repository in found if repository is not None)

    async def _try(self, application: str) -> Repository | None:
        try:
            return await self.find(application)
        except GitError as error:
            _log.error("%s: %s", error.what, error.why or error.fix)
            return None

    def _path(self, application: str) -> Path:
        return self.folder / f"{application}.git"

    def _find(self, application: str) -> Repository | None:
        if not is_application(application):
            return None
        path = self._path(application)
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(mode):
            raise GitError(f"{path} is no folder", fix="see who put it there, and remove it")
        for name in _ELSEWHERE:
            if os.path.lexists(path / name):
                raise GitError(
                    f"the repository of {application} points elsewhere by its `{name}`",
                    fix=f"see who put it there, and remove {path / name}",
                )
        _settle(path)
        return Repository(application, path)

    async def _make(self, application: str) -> None:
        beside = self.folder / f".new-{application}-{secrets.token_hex(8)}"
        arguments = ["--bare", "--quiet", "--template=", f"--initial-branch={FIRST_BRANCH}"]
        command = Command(["git", "init", *arguments, str(beside)], env=environment(), timeout=60)
        try:
            made = await capture(command, inherit=False)
            if made.code != 0:
                raise GitError(f"the repository of {application} can't be made", why=made.said)
            await asyncio.to_thread(self._place, beside, application)
        except OSError as error:
            raise GitError(
                f"the repository of {application} can't be made", why=str(error)
            ) from error
        finally:
            await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)

    def _place(self, beside: Path, application: str) -> None:
        _settle(beside)
        # Another push may have been first: its repository is not empty, and stays.
        with suppress(OSError):
            beside.rename(self._path(application))


def _settle(path: Path) -> None:
    """See that the repository's own settings are what we wrote, and write them again if not."""
    for name, content in _OURS.items():
        file = path / name
        with suppress(FileNotFoundError):
            if not file.is_symlink() and file.read_bytes() == content:
                continue
            _log.warning("%s was changed by somebody, and is set back", file)
        file.parent.mkdir(exist_ok=True)
        beside = file.with_name(f".{file.name}-{secrets.token_hex(8)}")
        beside.write_bytes(content)
        beside.rename(file)
