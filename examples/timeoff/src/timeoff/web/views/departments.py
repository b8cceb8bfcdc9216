"""Administration of departments."""

from sqlalchemy import func, select
from starlette.responses import Response
from starlette.routing import Route

from timeoff.errors import NotFoundError, RefusedError
from timeoff.models import AuditEvent, Department, User
from timeoff.web.context import Access, Context, page


def index(context: Context) -> Response:
    """All departments."""
    departments = context.db.scalars(select(Department).order_by(Department.name)).all()
    return context.render("admin/departments.html", {"departments": departments})


def edit(context: Context) -> Response:
    """Add or change a department."""
    department = _department(context)
    error = None
    if context.is_post:
        try:
            saved = _save(context, department or Department(members=[]))
        except RefusedError as refused:
            error = refused
        else:
            return context.redirect("/admin/departments", f"{saved.name} is saved.")
    if error:
        context.db.rollback()
    people = context.db.scalars(select(User).where(User.is_active).order_by(User.name)).all()
    values = {"department": department, "form": context.form, "people": people}
    return context.render("admin/department.html", values, error)


def _save(context: Context, department: Department) -> Department:
    name = context.form.text("name", "The name")
    same = context.db.scalar(select(Department).where(func.lower(Department.name) == name.lower()))
    if same is not None and same is not department:
        raise RefusedError(f"There already is a department {same.name}.", field="name")
    manager_id = context.form.number("manager_id")
    department.name = name
    department.manager = context.db.get(User, manager_id) if manager_id else None
    context.db.add(department)
    detail = f"{name}, managed by {department.manager.email if department.manager else 'nobody'}"
    context.db.add(AuditEvent(actor=context.user, action="department saved", detail=detail))
    return department


def delete(context: Context) -> Response:
    """Remove a department that nobody belongs to."""
    department = _department(context)
    if department is None or department.members:
        raise RefusedError("People belong to this department. Move them to another one first.")
    department.manager = None
    context.db.delete(department)
    event = AuditEvent(actor=context.user, action="department removed", detail=department.name)
    context.db.add(event)
    return context.redirect("/admin/departments", f"{department.name} is removed.")


def _department(context: Context) -> Department | None:
    """The department that the path names; None on the page for a new one."""
    number = context.optional_number("department_id")
    if number is None:
        return None
    department = context.db.get(Department, number)
    if department is None:
        raise NotFoundError("There is no such department.")
    return department


routes = [
    Route("/admin/departments", page(index, Access.ADMIN)),
    Route("/admin/departments/new", page(edit, Access.ADMIN), methods=["GET", "POST"]),
    Route(
        "/admin/departments/{department_id:int}",
        page(edit, Access.ADMIN),
        methods=["GET", "POST"],
    ),
    Route(
        "/admin/departments/{department_id:int}/delete",
        page(delete, Access.ADMIN),
        methods=["POST"],
    ),
]
