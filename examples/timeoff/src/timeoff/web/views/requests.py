"""Leave: one's own, asking for it, and deciding on others'."""

from starlette.responses import Response
from starlette.routing import Route

from timeoff import leave
from timeoff.errors import NotAllowedError, RefusedError
from timeoff.models import LeaveRequest, Status, utcnow
from timeoff.span import Span, format_days
from timeoff.web.context import Context, page

MAX_TEXT = 1000


def overview(context: Context) -> Response:
    """One's balances and requests of a year."""
    today = utcnow().date()
    text = context.request.query_params.get("year", "")
    years = [today.year - 1, today.year, today.year + 1]
    year = next((item for item in years if str(item) == text), today.year)
    return context.render(
        "leave.html",
        {
            "year": year,
            "years": years,
            "balances": leave.balances(context.db, context.user, year),
            "requests": leave.of_person(context.db, context.user, year),
        },
    )


def new(context: Context) -> Response:
    """Ask for leave."""
    error = None
    if context.is_post:
        try:
            request = _submit(context)
        except RefusedError as refused:
            error = refused
        else:
            taken = format_days(request.half_days)
            return context.redirect(f"/leave/{request.id}", f"You asked for {taken} of leave.")
    balances = leave.balances(context.db, context.user, utcnow().year)
    return context.render("leave_new.html", {"balances": balances, "form": context.form}, error)


def _submit(context: Context) -> LeaveRequest:
    form = context.form
    span = Span(
        first=form.day("starts_on", "First day"),
        last=form.day("ends_on", "Last day"),
        starts_at_noon=form.get("starts_at") == "noon",
        ends_at_noon=form.get("ends_at") == "noon",
    )
    return leave.submit(
        context.db,
        context.user,
        form.number("leave_type_id") or 0,
        span,
        form.optional("reason", "The note", MAX_TEXT),
        utcnow(),
    )


def show(context: Context) -> Response:
    """One request, its history, and what may be done with it."""
    return _show(context, None)


def _show(context: Context, error: RefusedError | None) -> Response:
    if error:
        context.db.rollback()
    request = leave.find(context.db, context.user, context.number("request_id"))
    is_pending = request.status is Status.PENDING
    year = request.starts_on.year
    may_decide = leave.may_decide(context.user, request)
    return context.render(
        "leave_show.html",
        {
            "request": request,
            "history": leave.history(context.db, request),
            "may_decide": is_pending and may_decide,
            "may_cancel": is_pending and request.user_id == context.user.id,
            "balance": leave.balance(context.db, request.user, request.leave_type, year),
            "section": "/leave" if request.user_id == context.user.id else "/approvals",
            "comment": context.form.get("comment"),
        },
        error,
    )


def decide(context: Context) -> Response:
    """Approve or reject."""
    status = Status.APPROVED if context.form.get("decision") == "approve" else Status.REJECTED
    try:
        comment = context.form.optional("comment", "The comment", MAX_TEXT)
        request = leave.decide(
            context.db, context.user, context.number("request_id"), status, comment, utcnow()
        )
    except RefusedError as error:
        return _show(context, error)
    return context.redirect("/approvals", f"{request.user.name}'s leave is {status.value}.")


def cancel(context: Context) -> Response:
    """Take back one's own request."""
    try:
        leave.cancel(context.db, context.user, context.number("request_id"), utcnow())
    except RefusedError as error:
        return _show(context, error)
    return context.redirect("/leave", "Your request is cancelled.")


def approvals(context: Context) -> Response:
    """What waits for one's decision, and what was decided."""
    if not (context.user.is_admin or context.user.manages):
        raise NotAllowedError("Only managers and administrators decide on leave.")
    return context.render(
        "approvals.html",
        {
            "waiting": leave.to_decide(context.db, context.user),
            "decided": leave.decided(context.db, context.user),
        },
    )


routes = [
    Route("/leave", page(overview)),
    Route("/leave/new", page(new), methods=["GET", "POST"]),
    Route("/leave/{request_id:int}", page(show)),
    Route("/leave/{request_id:int}/decide", page(decide), methods=["POST"]),
    Route("/leave/{request_id:int}/cancel", page(cancel), methods=["POST"]),
    Route("/approvals", page(approvals)),
]
