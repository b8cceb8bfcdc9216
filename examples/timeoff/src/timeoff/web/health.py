"""/healthz: does this replica want requests?"""

import anyio
from anyio import CapacityLimiter, to_thread
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from timeoff.lifecycle import Lifecycle

TIMEOUT_SECONDS = 1.5


class Health:
    """An endpoint. Its engine and its threads are its own: busy pages don't make it fail."""

    def __init__(self, engine: Engine, lifecycle: Lifecycle) -> None:
        self._engine = engine
        self._lifecycle = lifecycle
        self._limiter: CapacityLimiter | None = None

    async def endpoint(self, _request: Request) -> Response:
        """200 if the database answers in time; 503 if not, or when draining."""
        if self._lifecycle.draining:
            return PlainTextResponse("draining\n", status_code=503)
        # Made here, as it belongs to the running event loop.
        self._limiter = self._limiter or CapacityLimiter(2)
        with anyio.move_on_after(TIMEOUT_SECONDS):
            problem = await to_thread.run_sync(
                self._problem, abandon_on_cancel=True, limiter=self._limiter
            )
            if problem is None:
                return PlainTextResponse("ok\n")
            return PlainTextResponse(f"database: {problem}\n", status_code=503)
        return PlainTextResponse("database: no answer in time\n", status_code=503)

    def _problem(self) -> str | None:
        try:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError as error:
            return type(error).__name__
        return None
