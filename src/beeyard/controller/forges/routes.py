"""`POST /hooks/{application}`: where forges tell of pushes."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from beeyard.config.names import ApplicationName
from beeyard.controller.forges.deliveries import Ancestry, Deliveries, Note, Seen, Taken
from beeyard.controller.forges.hook import Hook
from beeyard.controller.forges.receive import receive
from beeyard.controller.forges.refusal import Busy, HookError, Late, TooLarge, Unreadable
from beeyard.controller.forges.settings import Settings
from beeyard.errors import BeeyardError
from beeyard.pipelines.event import Event
from beeyard.secret import Secret

_APPLICATION: TypeAdapter[str] = TypeAdapter(ApplicationName)


class Starts(Protocol):
    """The rest of the controller, as far as deliveries need it."""

    async def start(self, event: Event, note: Note) -> int | str:
        """Create the run for an event, and keep the note of its delivery with it; gives the run's
        number, or why no pipeline wants it, and then keeps nothing.

        Raises BeeyardError where that can't be done now; the delivery may then come again. Forges
        wait for ten seconds for an answer, so what takes longer belongs into the run.
        """
        ...


@dataclass
class Intake:
    """How bodies are read, from whoever sends them.

    largest   bytes of one; GitHub sends 25 MiB at most, but 2 MiB are a push of a thousand commits
    at_once   bytes of all that are being read
    patience  seconds until one must be there
    """

    largest: int = 8 << 20
    at_once: int = 48 << 20
    patience: float = 10.0
    _held: int = field(default=0, init=False)

    async def body(self, request: Request) -> bytes:
        """The body of a request. Raises TooLarge, Late, Busy, or Unreadable where it broke off."""
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > self.largest:
            raise self._too_large()
        found = bytearray()
        try:
            async with asyncio.timeout(self.patience):
                async for piece in request.stream():
                    found += piece
                    self._held += len(piece)
                    self._check(found)
        except TimeoutError:
            raise Late(f"the delivery did not arrive within {self.patience:g} s") from None
        except ClientDisconnect:
            raise Unreadable("the delivery broke off") from None
        finally:
            self._held -= len(found)
        return bytes(found)

    def _check(self, found: bytearray) -> None:
        if len(found) > self.largest:
            raise self._too_large()
        if self._held > self.at_once:
            raise Busy("too many deliveries arrive at once", fix="have it delivered again")

    def _too_large(self) -> TooLarge:
        return TooLarge(
            "the delivery is too large",
            why=f"{self.largest >> 20} MiB is the most that is taken",
            fix="push fewer commits at once, or start the run: `beeyard pipeline run`",
        )


@dataclass
class Hooks:
    """Answers deliveries.

    settings  of an application; None where it has no webhook
    now       seconds since 1970
    """

    settings: Callable[[str], Settings | None]
    starts: Starts
    deliveries: Deliveries
    intake: Intake = field(default_factory=Intake)
    now: Callable[[], float] = time.time

    async def answer(self, application: str, request: Request) -> JSONResponse:
        """What a delivery is answered with."""
        try:
            hook, taken = await self._take(application, request)
        except HookError as error:
            return refused(error, error.status)
        except BeeyardError as error:
            return refused(error, Busy.status)
        if taken.run is None:
            return JSONResponse({"application": application, "ignored": taken.why})
        return JSONResponse(started(application, taken.run, hook.event), 202)

    async def _take(self, application: str, request: Request) -> tuple[Hook, Taken]:
        settings = self.settings(application) if _is_application(application) else None
        body = await self.intake.body(request)
        headers = {name.lower(): value for name, value in request.headers.items()}
        # Who may not know which applications there are gets the same answer, by the same way.
        known = settings or nobody()
        hook = await asyncio.to_thread(receive, known, headers, body, self.now())
        return hook, await self.deliveries.take(application, hook, self.starts.start)


def nobody() -> Settings:
    """Settings that no delivery is genuine by."""
    return Settings("github", Secret.generate(64), "nobody/nothing", "", "")


def refused(error: BeeyardError, status: int) -> JSONResponse:
    """An error as an answer."""
    keys = ("error", "what", "where", "why", "fix")
    body = error.as_dict()
    return JSONResponse({key: body[key] for key in keys}, status)


def started(application: str, run: int, event: Event | None) -> dict[str, Any]:
    """What was started, for the answer."""
    found = {"kind": event.kind, "ref": event.ref, "commit": event.commit} if event else {}
    return {"application": application, "run": run, "event": found}


def hooks_router(
    settings: Callable[[str], Settings | None],
    starts: Starts,
    seen: Seen,
    ancestry: Ancestry,
    intake: Intake | None = None,
    now: Callable[[], float] = time.time,
) -> APIRouter:
    """The router. It asks for no sign-in: a delivery's signature is what is checked."""
    hooks = Hooks(settings, starts, Deliveries(seen, ancestry), intake or Intake(), now)
    router = APIRouter(tags=["webhooks"])

    @router.post("/hooks/{application}", status_code=202, responses=_ANSWERS)
    async def hook(application: str, request: Request) -> JSONResponse:
        """A forge tells of a push, a tag or a pull request."""
        return await hooks.answer(application, request)

    return router


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Nothing runs for it; `ignored` says why."},
    202: {"description": "A run was created."},
    400: {"description": "It is no JSON, or broke off."},
    401: {"description": "Its signature, or the application, is not right."},
    408: {"description": "It did not arrive in time."},
    409: {"description": "The same delivery was taken before."},
    413: {"description": "It is too large."},
    422: {"description": "It is not what the forge would send, or about another repository."},
    503: {"description": "It could not be taken now; have it delivered again."},
}


def _is_application(name: str) -> bool:
    try:
        _APPLICATION.validate_python(name)
    except ValidationError:
        return False
    return True
