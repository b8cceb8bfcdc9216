"""What a view gets, and how views become endpoints.

Each request is one database transaction, in a worker thread. The views hold no session handling,
no CSRF check and no access check: `page` does all three, for all of them.
"""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from jinja2 import Environment
from sqlalchemy import Engine
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from timeoff import leave
from timeoff.database import transaction
from timeoff.errors import NotAllowedError, NotFoundError, RefusedError
from timeoff.models import User
from timeoff.settings import Settings
from timeoff.web.forms import Form, read_form
from timeoff.web.session import SessionCookie, WebSession

MAX_ID = 2**31 - 1


class Access(Enum):
    """Who may see a page."""

    PUBLIC = auto()
    SIGNED_IN = auto()
    ADMIN = auto()


@dataclass(frozen=True)
class Services:
    """What the whole application shares; it lives in `app.state.services`."""

    settings: Settings
    engine: Engine
    templates: Environment
    cookie: SessionCookie


@dataclass
class Context:
    """One request, as a view sees it."""

    request: Request
    services: Services
    db: Session
    session: WebSession
    visitor: User | None
    form: Form = field(default_factory=Form)

    @property
    def user(self) -> User:
        """Who is signed in. Only for pages that aren't public."""
        if self.visitor is None:
            raise NotAllowedError("Sign in first.")
        return self.visitor

    @property
    def is_post(self) -> bool:
        """Whether a form was submitted."""
        return self.request.method == "POST"

    def number(self, name: str) -> int:
        """A number from the path. Raises NotFoundError for one that no row can have."""
        number = int(self.request.path_params[name])
        if number > MAX_ID:
            raise NotFoundError("There is no such page.")
        return number

    def optional_number(self, name: str) -> int | None:
        """A number from the path, where there is one; None on the page for something new."""
        return self.number(name) if name in self.request.path_params else None

    def render(
        self, template: str, values: Mapping[str, Any], error: RefusedError | None = None
    ) -> Response:
        """A page; with `error`, its message is shown, nothing is stored, and the status is 422."""
        if error is not None:
            self.db.rollback()
        to_decide = 0
        if self.visitor and (self.visitor.is_admin or self.visitor.manages):
            to_decide = len(leave.to_decide(self.db, self.visitor))
        html = self.services.templates.get_template(template).render(
            user=self.visitor,
            csrf=self.session.csrf,
            notice=self.session.notice,
            path=self.request.url.path,
            error=error,
            to_decide=to_decide,
            app_version=self.services.settings.app_version,
            **values,
        )
        self.session.notice = None
        return HTMLResponse(html, status_code=422 if error else 200)

    def redirect(self, path: str, notice: str | None = None) -> Response:
        """Go to another page of this site, which then shows `notice`."""
        if notice:
            self.session.notice = notice
        return RedirectResponse(path, status_code=303)


View = Callable[[Context], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def page(view: View, access: Access = Access.SIGNED_IN) -> Endpoint:
    """Make an endpoint of `view`: session, access, CSRF, one transaction."""

    async def endpoint(request: Request) -> Response:
        form = await read_form(request) if request.method == "POST" else Form()
        return await run_in_threadpool(_answer, view, access, request, form)

    return endpoint


def _answer(view: View, access: Access, request: Request, form: Form) -> Response:
    services: Services = request.app.state.services
    session = services.cookie.load(request)
    is_post = request.method == "POST"
    if is_post and not secrets.compare_digest(form.raw("csrf").encode(), session.csrf.encode()):
        raise NotAllowedError("This form is out of date. Go back, reload the page and try again.")
    with transaction(services.engine, write=is_post) as db:
        visitor = _visitor(db, session)
        if visitor is None and access is not Access.PUBLIC:
            return RedirectResponse("/sign-in", status_code=303)
        if access is Access.ADMIN and not (visitor and visitor.is_admin):
            raise NotAllowedError("Only administrators can see this page.")
        response = view(Context(request, services, db, session, visitor, form))
    services.cookie.save(session, response)
    return response


def _visitor(db: Session, session: WebSession) -> User | None:
    user = db.get(User, session.user_id) if session.user_id else None
    if user is None or not user.is_active or user.session_version != session.version:
        return None
    return user
