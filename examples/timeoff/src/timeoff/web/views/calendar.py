"""The team calendar, a month at a time."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from starlette.responses import Response
from starlette.routing import Route

from timeoff import leave, month
from timeoff.models import Department, Holiday, utcnow
from timeoff.web.context import Context, page


def calendar(context: Context) -> Response:
    """Who is away: of one's own department, another one, or everybody."""
    today = utcnow().date()
    first = month.parse(context.request.query_params.get("month", ""), today)
    departments = context.db.scalars(select(Department).order_by(Department.name)).all()
    department = _chosen(context, departments)
    grid_first, grid_last = month.grid_bounds(first)
    holidays = context.db.scalars(select(Holiday).where(Holiday.day.between(grid_first, grid_last)))
    view = month.build(
        first=first,
        today=today,
        viewer=context.user,
        requests=leave.absences(context.db, grid_first, grid_last, department),
        holidays={holiday.day: holiday.name for holiday in holidays},
    )
    return context.render(
        "calendar.html",
        {
            "month": view,
            "this_month": date(today.year, today.month, 1),
            "departments": departments,
            "department": department,
            "choice": str(department.id) if department else "all",
        },
    )


def _chosen(context: Context, departments: Sequence[Department]) -> Department | None:
    choice = context.request.query_params.get("department")
    if choice is None:
        return context.user.department
    return next((item for item in departments if str(item.id) == choice), None)


routes = [Route("/calendar", page(calendar))]
