"""Changes that come in by the API, and their entries in the audit log."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager

from fastapi import Request

from beeyard.audit.entry import Entry, Plain, Who
from beeyard.controller.api.callers import Caller
from beeyard.controller.audit import Audit
from beeyard.errors import BeeyardError


@asynccontextmanager
async def audited(
    request: Request, caller: Caller, what: str, on: str, **details: Plain
) -> AsyncIterator[MutableMapping[str, Plain]]:
    """Around a change: when it is done, or refused, that is in the audit log before the answer is.
    Gives the details, to which what comes of it may be added.

    Where the log takes no entries, the change must not go on as if it did: AuditFailed is raised.
    """
    audit: Audit = request.app.state.audit
    who = Who(caller.name, caller.role, "page" if caller.session else "api")
    try:
        yield details
    except BeeyardError as error:
        why = {**details, "why": error.what}
        await asyncio.to_thread(audit.append, Entry(who, what, on, "refused", details=why))
        raise
    await asyncio.to_thread(audit.append, Entry(who, what, on, details=details))
