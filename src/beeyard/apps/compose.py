"""Compose files as documents: read, copied and written so that every scalar stays as it was.

What the Docker CLI reads in a file (`0444` as octal, `yes` as true, `${VAR}`) it reads after us as
before.
"""

import io
import re
from collections.abc import Callable, Mapping
from typing import Any, cast

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

# A variable with its default: what stands in that is none (see `config.interpolation`).
_VARIABLE = re.compile(r"\$\$|(\$\{?)([a-z_]\w*(?::?[-?][^}]*)?)", re.IGNORECASE | re.ASCII)


def yaml() -> YAML:
    """A reader and writer that keeps quotes, octals and order."""
    made = YAML(typ="rt")
    made.preserve_quotes = True
    made.width = 4096
    return made


def read(text: str) -> CommentedMap:
    """The document of a text that was written by `write`."""
    return cast(CommentedMap, yaml().load(text))


def write(document: Mapping[str, Any]) -> str:
    """The document as text."""
    stream = io.StringIO()
    yaml().dump(document, stream)
    return stream.getvalue()


def plain(node: Any) -> Any:
    """A copy in which anchors and merge keys are resolved, so that each part can go elsewhere."""
    if isinstance(node, Mapping):
        copy = CommentedMap()
        for key in node:
            copy[key] = plain(node[key])
        return copy
    if isinstance(node, list):
        return CommentedSeq(plain(item) for item in node)
    return node


def texts_changed(node: Any, change: Callable[[str], str]) -> Any:
    """A copy of `node` with `change` applied to every text in it, but for keys. Quotes stay, unless
    `change` gives a text with quotes of its own."""
    if isinstance(node, Mapping):
        copy = CommentedMap()
        for key in node:
            copy[key] = texts_changed(node[key], change)
        return copy
    if isinstance(node, list):
        return CommentedSeq(texts_changed(item, change) for item in node)
    if isinstance(node, str):
        changed = change(node)
        return type(node)(changed) if type(changed) is str else changed
    return node


def variables_renamed(text: str, prefix: str) -> str:
    """`text` in which `$NAME` and `${NAME…}` ask for `<prefix>NAME`; `$$` stays a dollar."""

    def rename(match: re.Match[str]) -> str:
        return f"{match[1]}{prefix}{match[2]}" if match[1] else match[0]

    return _VARIABLE.sub(rename, text)
