"""The event that a pipeline is run for on somebody's own machine: nobody pushed anything yet."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from beeyard.errors import ToolError
from beeyard.pipelines.event import Author, Event, EventKind, Repository
from beeyard.process import Command, Runner

_NO_COMMIT = "0" * 40


@dataclass(frozen=True)
class LocalEvent:
    """What Git tells of a folder, as an event. What it can't tell is what a new repository has."""

    folder: Path
    runner: Runner

    def event(self, kind: EventKind, branch: str | None = None) -> Event:
        """The event of that kind for the commit that is checked out.

        branch  instead of the one that is checked out; of a tag, its name
        """
        commit, author, email, message = self._commit()
        name = branch or self._git("symbolic-ref", "--quiet", "--short", "HEAD") or "main"
        refs = {
            "tag": f"refs/tags/{branch or self._tag()}",
            "pull_request": "refs/pull/1/head",
        }
        return Event(
            kind=kind,
            repository=self._repository(),
            ref=refs.get(kind, f"refs/heads/{name}"),
            commit=commit,
            branch="" if kind == "tag" else name,
            action="opened" if kind == "pull_request" else "",
            number=1 if kind == "pull_request" else 0,
            message=message,
            author=Author(login=author, name=author, email=email),
        )

    def _commit(self) -> tuple[str, str, str, str]:
        said = self._git("log", "-1", "--no-color", "--format=%H%x00%an%x00%ae%x00%B")
        parts = said.split("\0")
        return (
            (parts[0], parts[1], parts[2], parts[3])
            if len(parts) == 4
            else (_NO_COMMIT, "", "", "")
        )

    def _tag(self) -> str:
        return self._git("describe", "--tags", "--exact-match") or "v0.0.0"

    def _repository(self) -> Repository:
        """By the last two parts of where it was cloned from."""
        url = _plain(self._git("config", "--get", "remote.origin.url"))
        path = url.rpartition(":")[2].removesuffix(".git").strip("/")
        parts = [part for part in path.split("/") if part]
        if len(parts) < 2:
            return Repository("local", self.folder.name or "folder", clone_url=url)
        return Repository(parts[-2], parts[-1], clone_url=url)

    def _git(self, *arguments: str) -> str:
        """What Git says; nothing where it does not know the folder, or is not here."""
        command = Command(["git", "-C", str(self.folder), *arguments], env={"LC_ALL": "C"})
        try:
            said = self.runner.run(command, check=False)
        except ToolError:
            return ""
        return said.stdout.strip() if said.code == 0 else ""


def _plain(url: str) -> str:
    """A URL without the password that may be in it."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
