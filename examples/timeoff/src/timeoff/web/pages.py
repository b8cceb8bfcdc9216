"""Templates, and the error pages."""

import hashlib
import logging
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from timeoff.errors import NotAllowedError, NotFoundError, RefusedError, ThrottledError
from timeoff.models import Tone
from timeoff.span import format_days

log = logging.getLogger(__name__)

HERE = Path(__file__).parent
STATUSES: dict[type[Exception], tuple[int, str]] = {
    NotAllowedError: (403, "Not allowed"),
    NotFoundError: (404, "Not found"),
    RefusedError: (422, "That did not work"),
    ThrottledError: (429, "Try again later"),
    OperationalError: (503, "Back in a moment"),
    PoolTimeoutError: (503, "Back in a moment"),
}
TITLES = {404: "Not found", 405: "Not allowed"}


def make_templates() -> Environment:
    """Jinja's environment: everything is escaped, and a misspelt name is an error."""
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "days": format_days,
        "day": format_day,
        "short_day": format_short_day,
        "moment": format_moment,
    }
    templates.globals |= {"style_version": _style_version(), "tones": list(Tone)}
    return templates


def format_day(day: date) -> str:
    """A date as people read it."""
    return f"{day:%a %-d %b %Y}"


def format_short_day(day: date) -> str:
    """A date as people read it, where the year follows elsewhere."""
    return f"{day:%a %-d %b}"


def format_moment(moment: datetime) -> str:
    """A time as people read it; they are kept in UTC."""
    return f"{moment:%-d %b %Y, %H:%M} UTC"


def _style_version() -> str:
    return hashlib.sha256((HERE / "static" / "app.css").read_bytes()).hexdigest()[:12]


def error_response(request: Request, error: Exception) -> Response:
    """The page for an exception that left a view."""
    status, title = next(
        (answer for kind, answer in STATUSES.items() if isinstance(error, kind)),
        (500, "Something broke"),
    )
    message = str(error)
    if status == 503:
        log.error("database: %s", error)
        message = "The database does not answer. Nothing was lost; try again in a moment."
    elif status == 500:
        message = "This is our fault, and it has been noted. Nothing was stored."
    return _page(request, status, title, message)


def http_error_response(request: Request, error: Exception) -> Response:
    """The page for Starlette's own errors, such as an unknown address."""
    if not isinstance(error, HTTPException):
        raise TypeError(f"{error!r} is no HTTPException")
    message = "There is no such page." if error.status_code == 404 else error.detail
    title = TITLES.get(error.status_code, "That did not work")
    return _page(request, error.status_code, title, message)


def _page(request: Request, status: int, title: str, message: str) -> Response:
    template = request.app.state.services.templates.get_template("error.html")
    html = template.render(
        title=title,
        message=message,
        status=status,
        user=None,
        app_version=request.app.state.services.settings.app_version,
    )
    return HTMLResponse(html, status_code=status)
