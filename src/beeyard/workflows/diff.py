"""What a deploy would change, or what changed between two releases, line by line."""

import re
from collections.abc import Iterator
from difflib import unified_diff

from beeyard.apps import Release, chosen, current
from beeyard.workflows.deploy import Deployer

_SECRET = re.compile(r"(?i)(pass(word|wd)?|secret|token|api_?key|credential|private)")
# KEY=value and KEY: value, as environment files and stack files have them.
_SETTING = re.compile(r"^(\s*-?\s*[\"']?)([A-Za-z_][\w.]*)([\"']?\s*[=:]\s*)(\S.*)$")
# user:password@ in a URL.
_LOGIN = re.compile(r"(://[^/\s:@]+:)[^/\s@]+@")


def difference(deployer: Deployer, first: int | None, second: int | None) -> list[str]:
    """Lines as `diff -u` writes them, secrets masked; none if there is no difference.

    Without numbers from what runs to what a deploy would make; with one from that release to what
    runs; with two from the first to the second. Raises AppError for a release that is not kept.
    """
    entries = deployer.store.all()
    now = current(entries)
    if first is None:
        old = now.release if now else None
        new, _ = deployer.plan()
    else:
        old = chosen(entries, first, deployer.name).release
        to = chosen(entries, second, deployer.name) if second is not None else now
        new = (to or chosen(entries, None, deployer.name)).release
    names = (f"release {old.number}" if old else "nothing", f"release {new.number}")
    before = list(described(old)) if old else []
    return [
        line.rstrip("\n")
        for line in unified_diff(before, list(described(new)), *names, lineterm="")
    ]


def described(release: Release) -> Iterator[str]:
    """A release as lines: the stack file, what fills it, its files and its tasks; secrets masked."""
    yield from map(masked, release.bundle.text.splitlines())
    for name, value in sorted(release.bundle.environment.items()):
        yield masked(f"${{{name}}} = {value}")
    for path, text in sorted(release.bundle.files.items()):
        yield f"file {path}"
        yield from (f"  {masked(line)}" for line in text.splitlines())
    for name, hook in (("pre", release.pre_deploy), ("post", release.post_deploy)):
        if hook:
            yield f"{name}-deploy: {hook.service}: {' '.join(hook.command)}"


def masked(line: str) -> str:
    """A line without what its name calls a secret, and without passwords in URLs."""
    line = _LOGIN.sub(r"\1***@", line)
    found = _SETTING.match(line) or re.match(r"^(\$\{)(\w+)(\} = )(.+)$", line)
    if found and _SECRET.search(found[2]) and not found[2].upper().endswith("_FILE"):
        return f"{found[1]}{found[2]}{found[3]}***"
    return line
