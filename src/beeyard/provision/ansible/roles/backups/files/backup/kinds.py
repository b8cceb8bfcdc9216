"""The kinds of data, each a module beside this one with four functions:

write(out, settings)       streams the data to the binary file `out`; gives facts of it
read(stream, settings)     gives the same facts from such a stream alone
verify(stream, settings)   restores into a scratch place; gives the facts of what is there then
restore(stream, settings)  puts it back; gives the facts of what is there then

Facts are `{name: {"count": int, "digest": hex}}`. What could not be taken, though the rest was, is
said in `versions(settings)`; later, `settings["left_out"]` names it.
"""

import importlib
import re
from collections.abc import Mapping
from typing import Any

from words import Failed

#: Before a name in `versions`, as `beeyard.backup.model` reads it: it is not in it, and why.
LEFT_OUT = "left out: "


def left_out(versions: Mapping[str, str]) -> dict[str, str]:
    """What could not be taken, and why."""
    return {
        name.removeprefix(LEFT_OUT): why
        for name, why in versions.items()
        if name.startswith(LEFT_OUT)
    }


def module(kind: str) -> Any:
    if not re.fullmatch(r"[a-z]+", kind):
        raise Failed(f"there is no kind of backup {kind!r}")
    try:
        return importlib.import_module(f"kind_{kind}")
    except ModuleNotFoundError as error:
        raise Failed(f"this node's program knows no backup of the kind {kind}") from error
