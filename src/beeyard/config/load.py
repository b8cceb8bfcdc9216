"""`beeyard.yml` in, `ClusterSpec` out, or every mistake at once."""

from pathlib import Path

from pydantic import ValidationError

from beeyard.config.document import Document, Position, shown
from beeyard.config.mistakes import translate
from beeyard.config.model import ClusterSpec
from beeyard.errors import BeeyardError, ConfigError


def load(path: Path) -> ClusterSpec:
    """The cluster that the file at `path` describes.

    Raises ConfigError: the file can't be read, is no YAML, or `mistakes` holds one error for each
    mistake in it, in the order of the file.
    """
    document = Document.read(path)
    if not isinstance(document.data, dict):
        raise _no_section(document)
    mistakes = list(document.duplicates)
    spec = None
    try:
        spec = ClusterSpec.model_validate(document.data)
    except ValidationError as error:
        mistakes += translate(error, document)
    if spec is None or mistakes:
        raise _wrong(path, mistakes)
    return spec


def _wrong(path: Path, mistakes: list[tuple[Position, BeeyardError]]) -> ConfigError:
    ordered = sorted(mistakes, key=lambda found: (found[0].line, found[0].column))
    count = "a mistake" if len(ordered) == 1 else f"{len(ordered)} mistakes"
    return ConfigError(
        f"{shown(path)} has {count}.",
        fix="Correct the file; docs/reference/beeyard.yml shows every key.",
        mistakes=[mistake for _, mistake in ordered],
    )


def _no_section(document: Document) -> ConfigError:
    if document.data is None:
        what, fix = "is empty", "Write a first one with `beeyard init`."
    else:
        what = "doesn't hold keys with values"
        fix = "Start with `name: …` and `domain: …`; `beeyard init` writes a whole one."
    return ConfigError(f"{shown(document.path)} {what}.", where=document.where(()), fix=fix)
