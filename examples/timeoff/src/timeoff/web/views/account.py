"""Signing in and out, and one's own password."""

from starlette.responses import Response
from starlette.routing import Route

from timeoff.errors import RefusedError
from timeoff.models import AuditEvent, utcnow
from timeoff.passwords import verify_password
from timeoff.people import authenticate, set_password
from timeoff.web.context import Access, Context, page


def home(context: Context) -> Response:
    """The first page: the calendar, or the way to it."""
    return context.redirect("/calendar" if context.visitor else "/sign-in")


def sign_in(context: Context) -> Response:
    """The sign-in form."""
    if not context.is_post:
        if context.visitor:
            return context.redirect("/calendar")
        return context.render("sign_in.html", {"email": ""})
    email = context.form.get("email")
    client = context.request.client
    user = authenticate(
        context.db, email, context.form.raw("password"), client.host if client else "", utcnow()
    )
    # The failure just counted must be kept, although the page then says no.
    context.db.commit()
    if user is None:
        error = RefusedError("E-mail or password is wrong.", field="password")
        return context.render("sign_in.html", {"email": email}, error)
    context.session.sign_in(user.id, user.session_version)
    context.db.add(AuditEvent(actor_id=user.id, action="signed in", detail=user.email))
    return context.redirect("/calendar")


def sign_out(context: Context) -> Response:
    """Forget who this is."""
    context.session.sign_out()
    return context.redirect("/sign-in", "You are signed out.")


def account(context: Context) -> Response:
    """One's own account: change the password."""
    user = context.user
    if not context.is_post:
        return context.render("account.html", {})
    try:
        if not verify_password(context.form.raw("current"), user.password_hash):
            raise RefusedError("That is not your current password.", field="current")
        set_password(context.db, user, user, context.form.raw("password"))
    except RefusedError as error:
        return context.render("account.html", {}, error)
    context.session.sign_in(user.id, user.session_version)
    return context.redirect("/account", "Your password is changed; other sessions have ended.")


routes = [
    Route("/", page(home, Access.PUBLIC)),
    Route("/sign-in", page(sign_in, Access.PUBLIC), methods=["GET", "POST"]),
    Route("/sign-out", page(sign_out), methods=["POST"]),
    Route("/account", page(account), methods=["GET", "POST"]),
]
