"""Administration: its first page, public holidays, and the audit log."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload
from starlette.responses import Response
from starlette.routing import Route

from timeoff.errors import NotFoundError, RefusedError
from timeoff.models import AuditEvent, Holiday
from timeoff.web.context import Access, Context, page

AUDIT_LENGTH = 100


def index(context: Context) -> Response:
    """Administration begins with people."""
    return context.redirect("/admin/users")


def holidays(context: Context) -> Response:
    """List and add days on which nobody works."""
    error = None
    if context.is_post:
        try:
            holiday = _add_holiday(context)
        except RefusedError as refused:
            error = refused
        else:
            return context.redirect("/admin/holidays", f"{holiday.name} is added.")
    listed = context.db.scalars(select(Holiday).order_by(Holiday.day.desc())).all()
    return context.render("admin/holidays.html", {"holidays": listed, "form": context.form}, error)


def _add_holiday(context: Context) -> Holiday:
    day = context.form.day("day", "Date")
    name = context.form.text("name", "The name")
    if context.db.get(Holiday, day):
        raise RefusedError("That day is a holiday already.", field="day")
    holiday = Holiday(day=day, name=name)
    context.db.add(holiday)
    context.db.add(AuditEvent(actor=context.user, action="holiday added", detail=f"{day} {name}"))
    return holiday


def delete_holiday(context: Context) -> Response:
    """Remove a holiday."""
    try:
        day = context.form.day("day", "Date")
    except RefusedError as error:
        raise NotFoundError("There is no such holiday.") from error
    holiday = context.db.get(Holiday, day)
    if holiday is None:
        raise NotFoundError("There is no such holiday.")
    context.db.delete(holiday)
    context.db.add(AuditEvent(actor=context.user, action="holiday removed", detail=str(day)))
    return context.redirect("/admin/holidays", f"{holiday.name} is removed.")


def audit(context: Context) -> Response:
    """The latest entries of the audit log."""
    events = context.db.scalars(
        select(AuditEvent)
        .options(joinedload(AuditEvent.actor))
        .order_by(AuditEvent.id.desc())
        .limit(AUDIT_LENGTH)
    ).all()
    return context.render("admin/audit.html", {"events": events})


routes = [
    Route("/admin", page(index, Access.ADMIN)),
    Route("/admin/holidays", page(holidays, Access.ADMIN), methods=["GET", "POST"]),
    Route("/admin/holidays/delete", page(delete_holiday, Access.ADMIN), methods=["POST"]),
    Route("/admin/audit", page(audit, Access.ADMIN)),
]
