"""The kinds of data, each a module beside this one with four functions:

write(out, settings)       streams the data to the binary file `out`; gives facts of it
read(stream, settings)     gives the same facts from such a stream alone
verify(stream, settings)   restores into a scratch place; gives the facts of what is there then
restore(stream, settings)  puts it back; gives the facts of what is there then

Facts are `{name: {"count": int, "digest": hex}}`.
"""

import importlib
import re
from typing import Any

from words import Failed


def module(kind: str) -> Any:
    if not re.fullmatch(r"[a-z]+", kind):
        raise Failed(f"there is no kind of backup {kind!r}")
    try:
        return importlib.import_module(f"kind_{kind}")
    except ModuleNotFoundError as error:
        raise Failed(f"this node's program knows no backup of the kind {kind}") from error
