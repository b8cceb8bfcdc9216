"""An entry on its way from a command that ran elsewhere: a file in the log's folder `inbox`.

It is written under a name that begins with a dot, and then renamed. Whoever holds the log takes it
in (`beeyard.controller.audit_inbox`).
"""

import json
import secrets
from datetime import UTC, datetime

from beeyard.audit.entry import Entry, plain


def name(at: datetime) -> str:
    """A new name for an entry's file: files are taken in the order of their names."""
    return f"{at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(8)}.json"


def body(entry: Entry) -> bytes:
    """What the file says. Secrets in it are `***` already."""
    return json.dumps(
        {
            "at": entry.at.astimezone(UTC).isoformat(),
            "user": entry.who.user,
            "role": entry.who.role,
            "what": entry.what,
            "on": entry.on,
            "outcome": entry.outcome,
            "request": entry.request,
            "details": {key: plain(value) for key, value in entry.details.items()},
        }
    ).encode()
