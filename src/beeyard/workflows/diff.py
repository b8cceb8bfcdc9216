"""What a deploy would change, or what changed between two releases, line by line."""

import re
from collections.abc import Iterator
from difflib import unified_diff

from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from beeyard.apps import Release, chosen, current
from beeyard.apps.compose import texts_changed, write
from beeyard.workflows.deploy import Deployer

_WORDS = r"pass|pwd|secret|token|api_?key|[_-]key\b|credential|private|auth\.users"
_SECRET = re.compile(_WORDS, re.IGNORECASE)
# KEY=value, KEY: value and --key=value, as environment files and stack files have them.
_SETTING = re.compile(r"^(\s*-?\s*[\"']?-{0,2})([A-Za-z_][\w.-]*)([\"']?\s*[=:]\s*)(\S.*)$")
_VARIABLE = re.compile(r"^(\$\{)(\w+)(\} = )(.+)$")
# KEY=value and --key value in the midst of a line, as in a command.
_WORD = re.compile(rf"((?:--[\w-]*(?:{_WORDS})[\w-]*[= ]|\w*(?:{_WORDS})\w*=))\S+", re.IGNORECASE)
# user:password@ in a URL.
_LOGIN = re.compile(r"(://[^/\s:@]*:)[^\s@]+(?:@[^\s@/]*(?=@))*@")


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
    lines = unified_diff(before, list(described(new)), *names, lineterm="")
    # Masked only here: that a secret is another one is to be seen.
    return [line[0] + masked(line[1:]) for line in lines]


def described(release: Release) -> Iterator[str]:
    """A release as lines: the stack file, what fills it, its files and its tasks. Not masked."""
    # A text of several lines on one: what is a secret is seen by its name.
    document = texts_changed(release.bundle.document, _on_one_line)
    yield from write(document).splitlines()
    for name, value in sorted(release.bundle.environment.items()):
        yield f"${{{name}}} = {value}".replace("\n", "\\n")
    for path, text in sorted(release.bundle.files.items()):
        yield f"file {path}"
        yield from (f"  {line}" for line in text.splitlines())
    for name, hook in (("pre", release.pre_deploy), ("post", release.post_deploy)):
        if hook:
            yield f"{name}-deploy: {hook.service}: {' '.join(hook.command)}"


def masked(line: str) -> str:
    """A line without what its name calls a secret, and without passwords in URLs."""
    line = _LOGIN.sub(r"\1***@", line)
    found = _SETTING.match(line) or _VARIABLE.match(line)
    if found and found[2].upper().endswith("_FILE"):
        return line
    if found and _SECRET.search(found[2]):
        return f"{found[1]}{found[2]}{found[3]}***"
    return _WORD.sub(r"\1***", line)


def _on_one_line(text: str) -> str:
    return DoubleQuotedScalarString(text) if "\n" in text else str(text)
