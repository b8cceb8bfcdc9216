"""Demo data: a small company with a few absences around today."""

import logging
from datetime import date, datetime, timedelta

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from timeoff import leave
from timeoff.database import transaction
from timeoff.locks import named_lock
from timeoff.migrate import wait_for_database
from timeoff.models import Department, LeaveType, Status, Tone, User
from timeoff.people import Profile, create_user
from timeoff.span import Span

log = logging.getLogger(__name__)

LOCK = "timeoff_seed"
ADMIN = "admin@example.com"

LEAVE_TYPES = (
    ("Annual leave", Tone.TEAL, 50),
    ("Parental leave", Tone.VIOLET, 20),
    ("Sick leave", Tone.ROSE, None),
    ("Unpaid leave", Tone.SLATE, None),
)


def seed(engine: Engine, password: str, seconds: float, now: datetime) -> bool:
    """Put the demo data in, unless they are there already; gives whether they were put in.

    Replicas wait for each other up to `seconds`. Raises LockTimeoutError, RefusedError (for a
    password that is too short).
    """
    # All of it is one transaction, under the lock: it is there whole, or not at all.
    with (
        wait_for_database(engine, seconds) as guard,
        named_lock(guard, LOCK, seconds),
        transaction(engine) as db,
    ):
        if db.scalar(select(User.id).where(User.email == ADMIN)) is not None:
            return False
        _company(db, password, now)
    log.info("demo data put in: sign in as %s", ADMIN)
    return True


def _company(db: Session, password: str, now: datetime) -> None:
    types = {
        name: db.scalar(select(LeaveType).where(LeaveType.name == name))
        or LeaveType(name=name, tone=tone, half_days=half_days, is_active=True)
        for name, tone, half_days in LEAVE_TYPES
    }
    engineering, operations = _department(db, "Engineering"), _department(db, "Operations")
    db.add_all([*types.values(), engineering, operations])
    db.flush()

    def person(role: str, department: Department, is_admin: bool = False) -> User:
        name = role.capitalize()
        profile = Profile(f"{role}@example.com", name, department.id, is_admin)
        return create_user(db, None, profile, password)

    admin = person("admin", operations, is_admin=True)
    manager = person("manager", engineering)
    person("employee", engineering)
    designer, developer = person("designer", engineering), person("developer", engineering)
    support = person("support", operations)
    engineering.manager = manager
    operations.manager = admin
    db.flush()
    _absences(db, types["Annual leave"], admin, [designer, developer, support, manager], now)


def _department(db: Session, name: str) -> Department:
    return db.scalar(select(Department).where(Department.name == name)) or Department(name=name)


def _absences(
    db: Session, leave_type: LeaveType, admin: User, people: list[User], now: datetime
) -> None:
    """Approved leave for all but the second of `people`, whose request is pending."""
    monday = _monday_in_year(now.date())
    for number, user in enumerate(people):
        first = monday + timedelta(days=number % 2)
        span = Span(first, first + timedelta(days=2), ends_at_noon=number == 2)
        request = leave.submit(db, user, leave_type.id, span, "", now)
        if number != 1:
            leave.decide(db, admin, request.id, Status.APPROVED, "Enjoy!", now)


def _monday_in_year(today: date) -> date:
    """This week's Monday, or next week's where the week is shared by two years."""
    monday = today - timedelta(days=today.weekday())
    friday = monday + timedelta(days=4)
    return monday if monday.year == friday.year else monday + timedelta(days=7)
