"""The options that every command shares."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """`-f`, `--sandbox`, `--json`, `--debug`. `file` None: look here and in parent folders."""

    file: Path | None = None
    sandbox: bool = False
    json: bool = False
    debug: bool = False
