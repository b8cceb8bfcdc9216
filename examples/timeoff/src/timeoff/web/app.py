"""The application: routes, error pages, static files, health."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from timeoff.database import connect
from timeoff.lifecycle import Lifecycle
from timeoff.settings import Settings
from timeoff.web import pages
from timeoff.web.context import Services
from timeoff.web.health import Health
from timeoff.web.middleware import Headers
from timeoff.web.session import SessionCookie
from timeoff.web.views import account, admin, calendar, departments, requests, types, users

HEALTH_TIMEOUT_SECONDS = 1
STATIC_CACHE = "public, max-age=3600"


class CachedFiles(StaticFiles):
    """Static files that browsers may keep; their addresses carry a version."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file, with a Cache-Control header."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = STATIC_CACHE
        return response


def create_app(settings: Settings, lifecycle: Lifecycle) -> ASGIApp:
    """The whole application, ready for a server. It connects when the first request comes."""
    engine = connect(settings.database_url)
    health_engine = connect(settings.database_url, timeout=HEALTH_TIMEOUT_SECONDS, pool_size=2)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        engine.dispose()
        health_engine.dispose()

    async def version(_request: Request) -> Response:
        return JSONResponse({"version": settings.app_version, "served_by": hostname})

    hostname = socket.gethostname()
    app = Starlette(
        routes=[
            Route("/healthz", Health(health_engine, lifecycle).endpoint),
            Route("/version", version),
            Mount("/static", CachedFiles(directory=pages.HERE / "static"), name="static"),
            *account.routes,
            *calendar.routes,
            *requests.routes,
            *admin.routes,
            *users.routes,
            *departments.routes,
            *types.routes,
        ],
        exception_handlers={
            **dict.fromkeys(pages.STATUSES, pages.error_response),
            HTTPException: pages.http_error_response,
            Exception: pages.error_response,
        },
        lifespan=lifespan,
    )
    app.state.services = Services(
        settings=settings,
        engine=engine,
        templates=pages.make_templates(),
        cookie=SessionCookie(settings.secret_keys, settings.cookie_secure),
    )
    return Headers(app, hostname, lambda: lifecycle.draining)
