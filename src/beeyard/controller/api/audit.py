"""The audit log, to be read."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from beeyard.audit.chain import recent
from beeyard.controller.api.callers import Admin
from beeyard.controller.audit import Audit

router = APIRouter(prefix="/api/audit", tags=["audit"])


@router.get("/head")
async def head(request: Request, _: Admin) -> dict[str, Any]:
    """The last entry's number and hash: what is kept elsewhere, so that a cut shows."""
    audit: Audit = request.app.state.audit
    found = audit.head()
    return {"entries": found.entries, "hash": found.hash}


@router.get("")
async def newest(
    request: Request, _: Admin, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> list[dict[str, Any]]:
    """The newest entries, the last one first."""
    audit: Audit = request.app.state.audit

    found = await asyncio.to_thread(recent, audit.folder, limit)
    return [dict(entry) for entry in found]
