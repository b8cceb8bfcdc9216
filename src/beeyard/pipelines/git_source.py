"""A commit of a Git repository as the files of a workspace.

What comes with an event (branch, tag, commit) was written by whoever pushed. It reaches `git` as
full names of references and as hexadecimal digits only, checked before: none can be taken for an
option. What the repository holds is not run: no hooks, no filters, no configuration but ours.
"""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from beeyard.pipelines.archive import SourceError, all_below, tar_of
from beeyard.pipelines.cancel import Cancel
from beeyard.pipelines.plan import Credentials
from beeyard.pipelines.source import Say, unless_cancelled
from beeyard.process import Command, CommandFailed, CommandTimeout, Completed, LocalRunner
from beeyard.secret import Secret

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Between two tries (seconds).
_LONGEST_PAUSE = 10.0
_HEADS, _TAGS = "refs/heads/", "refs/tags/"
_OURS = "refs/beeyard/source"
# Asked by git for what it needs to sign in; the values come by its environment.
_HELPER = '!f() { echo "username=$BEEYARD_GIT_USER"; echo "password=$BEEYARD_GIT_PASSWORD"; }; f'
_PLAIN = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "gc.auto=0"),
    *("-c", "advice.detachedHead=false", "-c", "core.symlinks=true"),
)


@dataclass(frozen=True)
class GitSource:
    """A commit, and the history behind it.

    url        https, http, or ssh; other schemes must be named in `schemes`
    ref        its full name, such as `refs/heads/main`: what is checked out goes by it
    commit     all its hexadecimal digits
    depth      how many commits of history; 0: all
    retries    how often what fails is tried again
    timeout    seconds for each command
    settings   of git's own, each `KEY=VALUE`: which authority to trust, where a host is
    """

    url: str
    ref: str
    commit: str
    depth: int = 0
    retries: int = 0
    credentials: Credentials | None = None
    schemes: frozenset[str] = frozenset({"https", "http", "ssh"})
    timeout: float = 900.0
    settings: tuple[str, ...] = ()

    @contextmanager
    def archive(self, say: Say, cancel: Cancel) -> Iterator[Iterable[bytes]]:
        with tempfile.TemporaryDirectory(prefix="beeyard-clone-") as folder:
            runner = LocalRunner()
            with cancel.calling(runner.interrupt):
                _Clone(self, Path(folder), runner, say, cancel).make()
            yield unless_cancelled(tar_of(Path(folder), all_below(Path(folder))), cancel)


@dataclass(frozen=True)
class _Clone:
    source: GitSource
    folder: Path
    runner: LocalRunner
    say: Say
    cancel: Cancel
    _lines: list[str] = field(default_factory=list)

    def make(self) -> None:
        """Fetch and check out. Raises SourceError."""
        self._check()
        url, _ = _without_sign_in(self.source)
        self._git("init", "--quiet", "--template=")
        self._git("config", "remote.origin.url", url)
        self._git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
        self._fetch()
        self._check_out()

    def _check(self) -> None:
        source = self.source
        scheme = urlsplit(source.url).scheme
        if scheme not in source.schemes:
            allowed = ", ".join(sorted(source.schemes))
            raise SourceError(
                "the repository's URL is not one that is cloned",
                where=_without_sign_in(source)[0],
                why=f"it begins with none of: {allowed}",
            )
        if not _COMMIT.fullmatch(source.commit):
            raise SourceError("that is no commit's name", where=repr(source.commit))
        # A glob, or a colon, would be one of several references; Git itself knows which are names.
        named = source.ref.startswith("refs/") and self._try("check-ref-format", source.ref)
        if not named:
            raise SourceError("that is no reference's full name", where=repr(source.ref))

    def _fetch(self) -> None:
        """The reference; if it has moved on too far, or is gone, the commit itself."""
        source = self.source
        depth = [f"--depth={source.depth}"] if source.depth else []
        common = ("fetch", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head")
        refspec = f"+{source.ref}:{self._local}"
        ways = ([*depth, "--", "origin", refspec], [*depth, "--", "origin", source.commit])
        for way in ways if not depth else (*ways, ["--unshallow", "--", "origin", refspec]):
            self._persist(*common, *way)
            if self._try("cat-file", "-e", f"{source.commit}^{{commit}}"):
                return
        raise SourceError(
            f"commit {source.commit} can't be fetched",
            where=_without_sign_in(source)[0],
            why="\n".join(self._lines[-6:]) or f"it is not in {source.ref}",
        )

    def _check_out(self) -> None:
        """Only by full names: what a branch is called is nobody's option."""
        commit = self.source.commit
        branch = self.source.ref.startswith(_HEADS)
        if branch:
            self._git("update-ref", self.source.ref, commit)
            self._git("update-ref", self._local, commit)
            self._git("symbolic-ref", "HEAD", self.source.ref)
        else:
            self._git("update-ref", "--no-deref", "HEAD", commit)
        self._git("reset", "--quiet", "--hard", "HEAD")

    @property
    def _local(self) -> str:
        """By which name the reference goes in the clone."""
        ref = self.source.ref
        if ref.startswith(_HEADS):
            return f"refs/remotes/origin/{ref.removeprefix(_HEADS)}"
        return ref if ref.startswith(_TAGS) else _OURS

    def _persist(self, *arguments: str) -> bool:
        self.say("+ git " + " ".join(arguments))
        for number in range(self.source.retries + 1):
            if number:
                self.cancel.wait(min(2.0 ** (number - 1), _LONGEST_PAUSE))
            if self._run(arguments, hear=self._hear).code == 0:
                return True
        return False

    def _try(self, *arguments: str) -> bool:
        return self._run(arguments).code == 0

    def _git(self, *arguments: str) -> None:
        self._run(arguments, check=True)

    def _run(
        self, arguments: Iterable[str], *, check: bool = False, hear: Say | None = None
    ) -> Completed:
        folder = self.folder
        place = (f"--git-dir={folder / '.git'}", f"--work-tree={folder}")
        ours = [word for setting in self.source.settings for word in ("-c", setting)]
        argv = ["git", *place, *_PLAIN, *ours, *arguments]
        command = Command(argv, env=self._environment(), cwd=folder, timeout=self.source.timeout)
        if self.cancel.is_set():
            raise SourceError("the repository was not cloned to the end", why="cancelled")
        try:
            return self.runner.run(command, check=check, on_line=hear)
        except (CommandFailed, CommandTimeout) as error:
            raise SourceError(
                "the repository can't be cloned",
                where=_without_sign_in(self.source)[0],
                why=error.why or error.what,
            ) from error

    def _hear(self, line: str) -> None:
        self._lines.append(line)
        self.say(line)

    def _environment(self) -> Mapping[str, str]:
        """Source: git(1), "Environment Variables"; gitcredentials(7), "Custom helpers"."""
        plain = {
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_ALLOW_PROTOCOL": ":".join(sorted(self.source.schemes)),
            "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
        }
        url, credentials = _without_sign_in(self.source)
        if credentials is None:
            return plain
        parts = urlsplit(url)
        return plain | {
            # For this host alone: a redirect elsewhere gets nothing.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"credential.{parts.scheme}://{parts.netloc}.helper",
            "GIT_CONFIG_VALUE_0": _HELPER,
            "BEEYARD_GIT_USER": credentials.username,
            "BEEYARD_GIT_PASSWORD": credentials.password.reveal(),
        }


def _without_sign_in(source: GitSource) -> tuple[str, Credentials | None]:
    """The URL as it may be shown and kept, and how to sign in. SSH's user is part of its URL."""
    parts = urlsplit(source.url)
    if parts.scheme not in {"http", "https"} or "@" not in parts.netloc:
        return source.url, source.credentials
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    url = urlunsplit(parts._replace(netloc=host))
    return url, source.credentials or Credentials(unquote(name), Secret(unquote(password)))
