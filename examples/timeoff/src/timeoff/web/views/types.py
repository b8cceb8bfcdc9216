"""Administration of leave types."""

from sqlalchemy import func, select
from starlette.responses import Response
from starlette.routing import Route

from timeoff.errors import NotFoundError, RefusedError
from timeoff.models import AuditEvent, LeaveType, Tone
from timeoff.span import format_days
from timeoff.web.context import Access, Context, page


def index(context: Context) -> Response:
    """All types of leave."""
    types = context.db.scalars(
        select(LeaveType).order_by(LeaveType.is_active.desc(), LeaveType.name)
    ).all()
    return context.render("admin/leave_types.html", {"types": types})


def edit(context: Context) -> Response:
    """Add or change a type of leave."""
    leave_type = _leave_type(context)
    error = None
    if context.is_post:
        try:
            saved = _save(context, leave_type or LeaveType())
        except RefusedError as refused:
            error = refused
        else:
            return context.redirect("/admin/leave-types", f"{saved.name} is saved.")
    if error:
        context.db.rollback()
    values = {"leave_type": leave_type, "form": context.form}
    return context.render("admin/leave_type.html", values, error)


def _save(context: Context, leave_type: LeaveType) -> LeaveType:
    form = context.form
    name = form.text("name", "The name")
    half_days = form.half_days("days", "Days a year")
    same = context.db.scalar(select(LeaveType).where(func.lower(LeaveType.name) == name.lower()))
    if same is not None and same is not leave_type:
        raise RefusedError(f"There already is a type {same.name}.", field="name")
    if form.get("tone") not in {tone.value for tone in Tone}:
        raise RefusedError("Choose a colour.", field="tone")
    leave_type.name = name
    leave_type.half_days = half_days
    leave_type.tone = Tone(form.get("tone"))
    leave_type.is_active = form.checked("is_active")
    context.db.add(leave_type)
    allowance = "unlimited" if half_days is None else f"{format_days(half_days)} a year"
    event = AuditEvent(actor=context.user, action="leave type saved", detail=f"{name}, {allowance}")
    context.db.add(event)
    return leave_type


def _leave_type(context: Context) -> LeaveType | None:
    """The type that the path names; None on the page for a new one."""
    number = context.optional_number("type_id")
    if number is None:
        return None
    leave_type = context.db.get(LeaveType, number)
    if leave_type is None:
        raise NotFoundError("There is no such type of leave.")
    return leave_type


routes = [
    Route("/admin/leave-types", page(index, Access.ADMIN)),
    Route("/admin/leave-types/new", page(edit, Access.ADMIN), methods=["GET", "POST"]),
    Route("/admin/leave-types/{type_id:int}", page(edit, Access.ADMIN), methods=["GET", "POST"]),
]
