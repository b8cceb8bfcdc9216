"""Applications: which there are, and the secrets of their pipelines."""

import asyncio
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, SecretStr

from beeyard.controller.api.audited import audited
from beeyard.controller.api.callers import Operator, Viewer
from beeyard.controller.core import Core
from beeyard.controller.vault import Vault
from beeyard.secret import Secret

router = APIRouter(prefix="/api/applications", tags=["applications"])


class NewSecret(BaseModel):
    """A secret of an application's pipelines."""

    model_config = ConfigDict(extra="forbid")

    value: SecretStr
    allow_pull_request: bool = False


@router.get("")
async def applications(request: Request, caller: Viewer) -> list[dict[str, Any]]:
    """The cluster's applications, each with its newest run."""
    core: Core = request.app.state.core
    names: tuple[str, ...] = request.app.state.applications
    found = [name for name in names if caller.application in (None, name)]
    newest = {
        name: max((run.number for run in core.runs if run.application == name), default=None)
        for name in found
    }
    return [{"name": name, "run": newest[name]} for name in found]


@router.get("/{application}/secrets")
async def secrets(request: Request, _: Viewer, application: str) -> list[dict[str, Any]]:
    """The names of the secrets that an application's pipelines may ask for; never a value."""
    vault: Vault = request.app.state.vault
    _known(request, application)
    return [
        {
            "name": one.name,
            "allow_pull_request": one.allow_pull_request,
            "by": one.by,
            "at": one.at.isoformat(),
        }
        for one in vault.listed(application)
    ]


@router.put("/{application}/secrets/{name}", status_code=204)
async def set_secret(
    request: Request, caller: Operator, application: str, name: str, said: NewSecret
) -> None:
    """Set a secret, in place of one of that name."""
    vault: Vault = request.app.state.vault
    _known(request, application)
    value = Secret(said.value.get_secret_value())
    allow = said.allow_pull_request
    on = f"{application}/{name}"
    async with audited(
        request, caller, "pipeline.secret.set", on, value=value, allow_pull_request=allow
    ):
        await asyncio.to_thread(
            lambda: vault.put(application, name, value, allow_pull_request=allow, by=caller.name)
        )


@router.delete("/{application}/secrets/{name}", status_code=204)
async def remove_secret(request: Request, caller: Operator, application: str, name: str) -> None:
    """Remove a secret."""
    vault: Vault = request.app.state.vault
    _known(request, application)
    async with audited(request, caller, "pipeline.secret.rm", f"{application}/{name}"):
        await asyncio.to_thread(vault.remove, application, name)


def _known(request: Request, application: str) -> None:
    names: tuple[str, ...] = request.app.state.applications
    if application not in names:
        raise HTTPException(404, f"there is no application {application}")
