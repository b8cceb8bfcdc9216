"""SSH public keys as `beeyard.yml` holds them, one for each operator."""

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, WithJsonSchema

from beeyard.config.names import matches
from beeyard.config.refusal import Wrong, refusal

#: The two kinds that EC2 takes for a key pair, which new nodes boot with.
_LINE = r"^(ssh-ed25519|ssh-rsa) [A-Za-z0-9+/]+={0,2}( [^\n]*)?$"
_OPERATOR = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"


def key_of(line: str) -> str:
    """The key of a line without its comment: what two lines of one key have in common."""
    return " ".join(line.split()[:2])


def _check_key(value: str) -> str:
    line = value.strip()
    if "PRIVATE KEY" in line:
        raise refusal(
            Wrong(
                "this is a private key (it is not shown here)",
                "Take its public half, the file with .pub at its end; and make a new key: this "
                "one stands in a file now that others read.",
            )
        )
    kind, blob = [*line.split(), "", ""][:2]
    if not matches(_LINE, line) or not _is_of(kind, blob):
        raise refusal(
            Wrong(
                "this is no SSH public key of a kind that EC2 takes",
                "Put in the one line of the .pub file: `ssh-ed25519 AAAA… name`, or ssh-rsa. "
                "Make a key: `ssh-keygen -t ed25519`.",
            )
        )
    return line


def _is_of(kind: str, blob: str) -> bool:
    """Whether the key's data begins with its kind, as RFC 4253, 6.6, has it."""
    try:
        data = base64.b64decode(blob, validate=True)
    except binascii.Error:
        return False
    return data[4 : 4 + len(kind)] == kind.encode()


def _check_operator(value: str) -> str:
    if not matches(_OPERATOR, value):
        raise refusal(
            Wrong(
                f"`{value}` can't name an operator",
                "Use up to 64 of a-z, A-Z, 0-9, `.`, `_`, `@` and `-`.",
            )
        )
    return value


PublicKey = Annotated[
    str, AfterValidator(_check_key), WithJsonSchema({"type": "string", "pattern": _LINE})
]
Operator = Annotated[
    str, AfterValidator(_check_operator), WithJsonSchema({"type": "string", "pattern": _OPERATOR})
]
