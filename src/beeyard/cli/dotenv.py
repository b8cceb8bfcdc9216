"""Files of variables, one `NAME=value` after another, as `drone exec` takes them.

Source: docs.drone.io, "Command Line Runner", "Emulate Secrets", which leaves the format to
github.com/joho/godotenv: of that, all but variables in values.
"""

import re
from pathlib import Path

from beeyard.errors import ConfigError

_LINE = re.compile(
    r"""[^\S\n]*(?:
        (?:export[^\S\n]+)?(?P<name>[A-Za-z_][\w.-]*)[^\S\n]*[=:][^\S\n]*
        (?: "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>[^']*)' | (?P<plain>[^\n'"#][^\n]*?)? )
    )?[^\S\n]*(?:(?<!\S)\#[^\n]*)?(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(path: Path) -> dict[str, str]:
    """The variables of a file; one that stands there twice has its last value.

    In double quotes a value may have several lines, and `\\n`. Raises ConfigError.
    """
    try:
        text = path.read_text(encoding="utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} can't be read", why=str(error)) from error
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _LINE.match(text, at)
        if match is None:
            line = text.count("\n", 0, at) + 1
            raise ConfigError(
                "this is no variable", where=f"{path}:{line}", fix="write NAME=value on each line"
            )
        if match["name"]:
            found[match["name"]] = _value(match)
        at = match.end()
    return found


def _value(match: re.Match[str]) -> str:
    if match["double"] is not None:
        return re.sub(
            r"\\(.)", lambda one: _ESCAPES.get(one[1], one[1]), match["double"], flags=re.DOTALL
        )
    return match["single"] if match["single"] is not None else match["plain"] or ""
