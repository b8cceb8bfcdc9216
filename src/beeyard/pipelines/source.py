"""Where the files in a workspace come from: the seam, and a folder as it is on this machine.

A clone of a repository is `git_source.GitSource`.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from beeyard.errors import ToolError
from beeyard.pipelines.archive import SourceError, all_below, tar_of
from beeyard.pipelines.cancel import Cancel
from beeyard.process import Command, LocalRunner, Runner

__all__ = ["FolderSource", "Source", "SourceError", "unless_cancelled"]

Say = Callable[[str], None]


class Source(Protocol):
    """Gives the files of a workspace."""

    def archive(self, say: Say, cancel: Cancel) -> AbstractContextManager[Iterable[bytes]]:
        """Within, the files as a tar archive in pieces; `say` hears what is done for it.

        Raises SourceError if it can't be had, on entry or while it is read; also when cancelled.
        """
        ...


@dataclass(frozen=True)
class FolderSource:
    """A folder with all that Git would take from it: what it has, changed or new, and its history.

    What `.gitignore` names stays away, as it would be missing in a clone: so a pipeline that needs
    it fails here as it would there. Of a folder that Git does not know, everything is taken. It is
    a copy: what steps write does not come back.
    """

    folder: Path
    runner: Runner = field(default_factory=LocalRunner)

    @contextmanager
    def archive(self, say: Say, cancel: Cancel) -> Iterator[Iterable[bytes]]:
        names = self._names(say)
        yield unless_cancelled(tar_of(self.folder, names), cancel)

    def _names(self, say: Say) -> Iterable[str]:
        listed = self._listed()
        if listed is None:
            say(f"copying all of {self.folder}: Git does not know it")
            return all_below(self.folder)
        if unreadable := sum("\N{REPLACEMENT CHARACTER}" in name for name in listed):
            say(f"left out, for their names are not UTF-8: {unreadable} files")
        say(f"copying {len(listed)} files of {self.folder}")
        return self._with_history(listed)

    def _listed(self) -> list[str] | None:
        """What Git would take; None: it does not know the folder, or is not here."""
        wanted = ("--cached", "--others", "--exclude-standard", "--deduplicate")
        git = ["git", "-C", str(self.folder), "ls-files", "-z", *wanted]
        try:
            said = self.runner.run(Command(git, env={"LC_ALL": "C"}), check=False)
        except ToolError:
            return None
        if said.code == 0:
            return [name for name in said.stdout.split("\0") if name]
        if "not a git repository" in said.stderr:
            return None
        raise SourceError(
            "Git did not say which files there are",
            where=str(self.folder),
            why=said.tail() or None,
        )

    def _with_history(self, listed: list[str]) -> Iterator[str]:
        for name in listed:
            yield name
            # A submodule, or a repository within: Git names its folder only.
            if (path := self.folder / name).is_dir() and not path.is_symlink():
                yield from all_below(self.folder, name.rstrip("/"))
        # A file of that name leads to somewhere else on this machine.
        if (self.folder / ".git").is_dir():
            yield from all_below(self.folder, ".git")


def unless_cancelled(pieces: Iterable[bytes], cancel: Cancel) -> Iterator[bytes]:
    """The same pieces. Raises SourceError once cancelled."""
    for piece in pieces:
        if cancel.is_set():
            raise SourceError("the files were not copied to the end", why="cancelled")
        yield piece
