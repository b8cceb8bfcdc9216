"""How each `git` of ours is started: with an environment and a configuration that nobody else has
a say in.

Sources: git-config(1), git(1) "Environment Variables". Settings given by `GIT_CONFIG_COUNT` are
read last, so they win over what stands in a repository, and reach the programs that Git starts.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from beeyard.process import Command

_SETTINGS = (
    # Ours is the choice of the path: who owns its files on a network file system says nothing.
    ("safe.directory", "*"),
    # No hooks: nothing can be below a file.
    ("core.hooksPath", os.devnull),
    ("core.fsmonitor", "false"),
    # A reflog of each ref, also in a bare repository: it tells who pushed what, see `missed`.
    ("core.logAllRefUpdates", "always"),
    # What is pushed is on the disk before it is said to be; Git's default leaves out the ref.
    ("core.fsync", "committed,reference,pack-metadata"),
    # Larger files go through in pieces.
    ("core.bigFileThreshold", "16m"),
    ("core.packedGitWindowSize", "32m"),
    ("core.packedGitLimit", "256m"),
    ("pack.threads", "1"),
    ("pack.windowMemory", "64m"),
    # `maintain` does it, when there is time.
    ("gc.auto", "0"),
    ("receive.autogc", "false"),
    ("maintenance.auto", "false"),
    ("protocol.allow", "never"),
    ("receive.fsckObjects", "true"),
    # Harmless mistakes that old tools made, in histories that people have.
    ("receive.fsck.badTimezone", "ignore"),
    ("receive.fsck.missingSpaceBeforeDate", "ignore"),
    ("receive.fsck.zeroPaddedFilemode", "ignore"),
    ("receive.advertisePushOptions", "true"),
    ("receive.denyDeleteCurrent", "refuse"),
    ("receive.denyNonFastForwards", "false"),
    # Always a pack, never a file for each object: files are what costs time on a network.
    ("transfer.unpackLimit", "1"),
    ("transfer.hideRefs", "refs"),
    ("transfer.hideRefs", "!refs/heads"),
    ("transfer.hideRefs", "!refs/tags"),
    # A runner clones the commit of its run, which a forced push may have left behind meanwhile.
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("uploadpack.allowFilter", "false"),
)

Pairs = Iterable[tuple[str, str]]


def environment(settings: Pairs = (), more: Mapping[str, str] | None = None) -> dict[str, str]:
    """The whole environment of a `git`, with further settings and variables."""
    every = (*_SETTINGS, *settings)
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        # Of a list of transports that is empty, none is allowed, whatever a configuration says.
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_CONFIG_COUNT": str(len(every)),
    }
    for index, (key, value) in enumerate(every):
        variables |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return variables | dict(more or {})


def git(
    path: Path,
    *arguments: str,
    settings: Pairs = (),
    more: Mapping[str, str] | None = None,
    data: bytes | None = None,
    timeout: float | None = None,
) -> Command:
    """`git` on the repository at `path`; to be run with nothing else in its environment.

    What comes from outside stands after `--end-of-options` in `arguments`.
    """
    argv = ["git", "--no-pager", f"--git-dir={path}", *arguments]
    return Command(argv, data, environment(settings, more), cwd=path, timeout=timeout)
