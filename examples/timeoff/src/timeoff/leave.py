"""The rules of leave: who may ask for what, and who decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, joinedload

from timeoff.errors import NotAllowedError, NotFoundError, RefusedError
from timeoff.models import (
    Allowance,
    AuditEvent,
    Department,
    Holiday,
    LeaveRequest,
    LeaveType,
    Status,
    User,
)
from timeoff.span import Span, format_days

COUNTED = (Status.PENDING, Status.APPROVED)


@dataclass(frozen=True, slots=True)
class Balance:
    """One person's year in one type of leave, in half days; `allowance` None is unlimited."""

    leave_type: LeaveType
    allowance: int | None
    approved: int
    pending: int

    @property
    def left(self) -> int | None:
        """What can still be asked for; never below zero. None is unlimited."""
        if self.allowance is None:
            return None
        return max(0, self.allowance - self.approved - self.pending)


def balances(db: Session, user: User, year: int) -> list[Balance]:
    """Every active type of leave, and how much of it `user` has in `year`."""
    types = db.scalars(select(LeaveType).where(LeaveType.is_active).order_by(LeaveType.id))
    return [balance(db, user, leave_type, year) for leave_type in types]


def balance(db: Session, user: User, leave_type: LeaveType, year: int) -> Balance:
    """How much of `leave_type` the user has in `year`, and has taken or asked for."""
    own = db.get(Allowance, (user.id, leave_type.id, year))
    sums = {
        status: int(total)
        for status, total in db.execute(
            select(LeaveRequest.status, func.sum(LeaveRequest.half_days))
            .where(
                LeaveRequest.user_id == user.id,
                LeaveRequest.leave_type_id == leave_type.id,
                LeaveRequest.status.in_(COUNTED),
                LeaveRequest.starts_on.between(date(year, 1, 1), date(year, 12, 31)),
            )
            .group_by(LeaveRequest.status)
        )
    }
    return Balance(
        leave_type=leave_type,
        allowance=own.half_days if own else leave_type.half_days,
        approved=sums.get(Status.APPROVED, 0),
        pending=sums.get(Status.PENDING, 0),
    )


def submit(
    db: Session, user: User, leave_type_id: int, span: Span, reason: str, now: datetime
) -> LeaveRequest:
    """Ask for leave. Raises RefusedError if dates, overlap or allowance forbid it."""
    _lock_person(db, user.id)
    leave_type = db.get(LeaveType, leave_type_id)
    if leave_type is None or not leave_type.is_active:
        raise RefusedError("Choose a type of leave.", field="leave_type_id")
    half_days = _count(db, span, now.date())
    _refuse_overlap(db, user, span)
    _refuse_beyond_allowance(balance(db, user, leave_type, span.first.year), half_days, span)
    request = LeaveRequest(
        user=user,
        leave_type=leave_type,
        starts_on=span.first,
        ends_on=span.last,
        starts_at_noon=span.starts_at_noon,
        ends_at_noon=span.ends_at_noon,
        half_days=half_days,
        reason=reason.strip(),
        created_at=now,
        status=Status.PENDING,
        comment="",
    )
    db.add(request)
    db.flush()
    _audit(db, user, request, "requested", request.reason, now)
    return request


def _lock_person(db: Session, user_id: int) -> None:
    """Make requests of one person wait for each other, on whichever replica they arrive."""
    db.execute(select(User.id).where(User.id == user_id).with_for_update())


def _count(db: Session, span: Span, today: date) -> int:
    if span.is_empty:
        raise RefusedError("The leave ends before it starts.", field="ends_on")
    if span.first.year != span.last.year:
        raise RefusedError(
            "Allowances are by calendar year: ask for the days in each year separately.",
            field="ends_on",
        )
    if abs(span.first.year - today.year) > 1:
        raise RefusedError(
            f"Leave can be asked for from {today.year - 1} to {today.year + 1}.",
            field="starts_on",
        )
    holidays = db.scalars(select(Holiday.day).where(Holiday.day.between(span.first, span.last)))
    half_days = span.working_half_days(set(holidays))
    if not half_days:
        raise RefusedError("There is no working day in these dates.", field="starts_on")
    return half_days


def _refuse_overlap(db: Session, user: User, span: Span) -> None:
    nearby = db.scalars(
        select(LeaveRequest).where(
            LeaveRequest.user_id == user.id,
            LeaveRequest.status.in_(COUNTED),
            LeaveRequest.starts_on <= span.last,
            LeaveRequest.ends_on >= span.first,
        )
    )
    for other in nearby:
        if other.span.overlaps(span):
            raise RefusedError(
                f"You already have {other.status.value} leave "
                f"from {other.starts_on:%-d %B} to {other.ends_on:%-d %B %Y}.",
                field="starts_on",
            )


def _refuse_beyond_allowance(current: Balance, half_days: int, span: Span) -> None:
    if current.left is not None and half_days > current.left:
        raise RefusedError(
            f"This takes {format_days(half_days)}, but {format_days(current.left)} of "
            f"{current.leave_type.name.lower()} are left in {span.first.year}.",
            field="ends_on",
        )


def may_decide(actor: User, request: LeaveRequest) -> bool:
    """Whether `actor` is an admin or manages the person's department; never one's own leave."""
    if actor.id == request.user_id:
        return False
    return actor.is_admin or _manages(actor, request.user)


def may_see(actor: User, request: LeaveRequest) -> bool:
    """Whether the details of `request` are for `actor` to read."""
    return actor.id == request.user_id or actor.is_admin or _manages(actor, request.user)


def _manages(actor: User, user: User) -> bool:
    return user.department_id in {department.id for department in actor.manages}


def find(db: Session, actor: User, request_id: int) -> LeaveRequest:
    """The request, if `actor` may see it. Raises NotFoundError otherwise."""
    request = db.get(LeaveRequest, request_id)
    if request is None or not may_see(actor, request):
        raise NotFoundError("There is no such request.")
    return request


def decide(
    db: Session, actor: User, request_id: int, status: Status, comment: str, now: datetime
) -> LeaveRequest:
    """Approve or reject a pending request.

    Raises NotAllowedError if it is not the actor's to decide, and RefusedError if somebody
    decided already, if a rejection has no comment, or if the allowance has shrunk since.
    """
    if status not in {Status.APPROVED, Status.REJECTED}:
        raise ValueError(f"{status} is no decision")
    request = find(db, actor, request_id)
    if not may_decide(actor, request):
        raise NotAllowedError("Only the department's manager or an administrator decides this.")
    request = _lock_pending(db, request)
    comment = comment.strip()
    if status is Status.REJECTED and not comment:
        raise RefusedError("Say why you reject it.", field="comment")
    if status is Status.APPROVED:
        _refuse_approval_beyond_allowance(db, request)
    request.status = status
    request.comment = comment
    request.decided_by = actor
    request.decided_at = now
    _audit(db, actor, request, status.value, comment, now)
    return request


def cancel(db: Session, actor: User, request_id: int, now: datetime) -> LeaveRequest:
    """Take back one's own pending request. Raises NotAllowedError, RefusedError."""
    request = find(db, actor, request_id)
    if request.user_id != actor.id:
        raise NotAllowedError("Only the person who asked can cancel a request.")
    request = _lock_pending(db, request)
    request.status = Status.CANCELLED
    _audit(db, actor, request, Status.CANCELLED.value, "", now)
    return request


def _lock_pending(db: Session, request: LeaveRequest) -> LeaveRequest:
    """The request as it is now, locked. Raises RefusedError unless it is pending."""
    _lock_person(db, request.user_id)
    db.refresh(request, with_for_update=True)
    if request.status is not Status.PENDING:
        raise RefusedError(f"This request is already {request.status.value}.")
    return request


def _refuse_approval_beyond_allowance(db: Session, request: LeaveRequest) -> None:
    year = request.starts_on.year
    now = balance(db, request.user, request.leave_type, year)
    if now.allowance is not None and now.approved + request.half_days > now.allowance:
        raise RefusedError(
            f"{request.user.name}'s allowance for {year} is now {format_days(now.allowance)}, "
            f"of which {format_days(now.approved)} are taken. Raise it, or reject the request."
        )


def _audit(
    db: Session, actor: User, request: LeaveRequest, action: str, detail: str, now: datetime
) -> None:
    db.add(AuditEvent(actor=actor, action=action, request_id=request.id, detail=detail, at=now))


def of_person(db: Session, user: User, year: int) -> Sequence[LeaveRequest]:
    """A person's requests of one year, the latest leave first."""
    return db.scalars(
        select(LeaveRequest)
        .options(joinedload(LeaveRequest.leave_type))
        .where(
            LeaveRequest.user_id == user.id,
            LeaveRequest.starts_on.between(date(year, 1, 1), date(year, 12, 31)),
        )
        .order_by(LeaveRequest.starts_on.desc(), LeaveRequest.id.desc())
    ).all()


def to_decide(db: Session, actor: User) -> Sequence[LeaveRequest]:
    """Pending requests that `actor` may decide, the soonest leave first."""
    return db.scalars(
        _of_my_people(actor)
        .where(LeaveRequest.status == Status.PENDING, LeaveRequest.user_id != actor.id)
        .order_by(LeaveRequest.starts_on, LeaveRequest.id)
    ).all()


def decided(db: Session, actor: User, limit: int = 20) -> Sequence[LeaveRequest]:
    """Requests of the actor's people that were decided, the latest decision first."""
    return db.scalars(
        _of_my_people(actor)
        .where(LeaveRequest.decided_at.is_not(None))
        .order_by(LeaveRequest.decided_at.desc(), LeaveRequest.id.desc())
        .limit(limit)
    ).all()


def _of_my_people(actor: User) -> Select[LeaveRequest]:
    query = (
        select(LeaveRequest)
        .join(LeaveRequest.user)
        .options(joinedload(LeaveRequest.user), joinedload(LeaveRequest.leave_type))
    )
    if actor.is_admin:
        return query
    return query.where(User.department_id.in_([department.id for department in actor.manages]))


def absences(
    db: Session, first: date, last: date, department: Department | None
) -> Sequence[LeaveRequest]:
    """Approved and pending leave of active people that touches the days `first` to `last`."""
    query = (
        select(LeaveRequest)
        .join(LeaveRequest.user)
        .options(joinedload(LeaveRequest.user), joinedload(LeaveRequest.leave_type))
        .where(
            User.is_active,
            LeaveRequest.status.in_(COUNTED),
            LeaveRequest.starts_on <= last,
            LeaveRequest.ends_on >= first,
        )
        .order_by(LeaveRequest.starts_on, User.name)
    )
    if department is not None:
        query = query.where(User.department_id == department.id)
    return db.scalars(query).all()


def history(db: Session, request: LeaveRequest) -> Sequence[AuditEvent]:
    """What happened to a request, in order."""
    return db.scalars(
        select(AuditEvent)
        .options(joinedload(AuditEvent.actor))
        .where(AuditEvent.request_id == request.id)
        .order_by(AuditEvent.id)
    ).all()
