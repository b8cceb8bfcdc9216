"""Administration of people and their allowances."""

from sqlalchemy import select
from sqlalchemy.orm import joinedload
from starlette.responses import Response
from starlette.routing import Route

from timeoff import leave
from timeoff.errors import NotFoundError, RefusedError
from timeoff.models import Allowance, AuditEvent, Department, LeaveType, User, utcnow
from timeoff.people import Profile, create_user, set_password, update_user
from timeoff.web.context import Access, Context, page


def index(context: Context) -> Response:
    """Everybody."""
    people = context.db.scalars(
        select(User).options(joinedload(User.department)).order_by(User.is_active.desc(), User.name)
    ).all()
    return context.render("admin/users.html", {"people": people})


def new(context: Context) -> Response:
    """Add a person."""
    error = None
    if context.is_post:
        try:
            person = create_user(
                context.db, context.user, _profile(context), context.form.raw("password")
            )
        except RefusedError as refused:
            error = refused
        else:
            return context.redirect("/admin/users", f"{person.name} is added.")
    return _form(context, None, error)


def edit(context: Context) -> Response:
    """Change a person, and set a new password if one is written."""
    person = _person(context)
    error = None
    if context.is_post:
        try:
            update_user(context.db, context.user, person, _profile(context))
            if context.form.raw("password"):
                set_password(context.db, context.user, person, context.form.raw("password"))
        except RefusedError as refused:
            error = refused
        else:
            return context.redirect("/admin/users", f"{person.name} is changed.")
    return _form(context, person, error)


def _profile(context: Context) -> Profile:
    form = context.form
    return Profile(
        email=form.text("email", "The e-mail address", 190),
        name=form.text("name", "The name"),
        department_id=form.number("department_id"),
        is_admin=form.checked("is_admin"),
        is_active=form.checked("is_active"),
    )


def _form(context: Context, person: User | None, error: RefusedError | None) -> Response:
    if error:
        context.db.rollback()
    departments = context.db.scalars(select(Department).order_by(Department.name)).all()
    year = utcnow().year
    return context.render(
        "admin/user.html",
        {
            "person": person,
            "form": context.form,
            "departments": departments,
            "years": [year, year + 1] if person else [],
            "balances": {
                item: leave.balances(context.db, person, item) for item in (year, year + 1)
            }
            if person
            else {},
        },
        error,
    )


def allowances(context: Context) -> Response:
    """Set one person's allowances of one year; an empty field means the type's own."""
    person = _person(context)
    year = context.number("year")
    if abs(year - utcnow().year) > 1:
        raise NotFoundError("Allowances can be set for last year, this year and the next.")
    types = context.db.scalars(select(LeaveType).where(LeaveType.is_active)).all()
    try:
        wanted = {
            item: context.form.half_days(f"type-{item.id}", item.name)
            for item in types
            if item.half_days is not None
        }
    except RefusedError as error:
        return _form(context, person, error)
    for leave_type, half_days in wanted.items():
        _set_allowance(context, person, leave_type, year, half_days)
    detail = f"{person.email}, {year}"
    context.db.add(AuditEvent(actor=context.user, action="allowances set", detail=detail))
    notice = f"{person.name}'s allowances for {year} are saved."
    return context.redirect(f"/admin/users/{person.id}", notice)


def _set_allowance(
    context: Context, person: User, leave_type: LeaveType, year: int, half_days: int | None
) -> None:
    own = context.db.get(Allowance, (person.id, leave_type.id, year))
    if half_days is None or half_days == leave_type.half_days:
        if own:
            context.db.delete(own)
    elif own:
        own.half_days = half_days
    else:
        context.db.add(
            Allowance(
                user_id=person.id, leave_type_id=leave_type.id, year=year, half_days=half_days
            )
        )


def _person(context: Context) -> User:
    person = context.db.get(User, context.number("user_id"))
    if person is None:
        raise NotFoundError("There is no such person.")
    return person


routes = [
    Route("/admin/users", page(index, Access.ADMIN)),
    Route("/admin/users/new", page(new, Access.ADMIN), methods=["GET", "POST"]),
    Route("/admin/users/{user_id:int}", page(edit, Access.ADMIN), methods=["GET", "POST"]),
    Route(
        "/admin/users/{user_id:int}/allowances/{year:int}",
        page(allowances, Access.ADMIN),
        methods=["POST"],
    ),
]
