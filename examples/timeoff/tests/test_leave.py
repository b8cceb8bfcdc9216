"""The rules, on SQLite and on MariaDB."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from threading import Barrier, Thread

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from timeoff import leave
from timeoff.database import transaction
from timeoff.errors import NotAllowedError, NotFoundError, RefusedError
from timeoff.models import (
    Allowance,
    AuditEvent,
    Department,
    Holiday,
    LeaveRequest,
    LeaveType,
    Status,
    Tone,
    User,
)
from timeoff.span import Span

NOW = datetime(2026, 5, 20, 12)
WEEK = Span(date(2026, 6, 1), date(2026, 6, 5))


@dataclass
class Company:
    """A department with a manager and an employee; a manager and an admin of another one."""

    db: Session
    annual: LeaveType
    sick: LeaveType
    employee: User
    manager: User
    stranger: User
    admin: User

    def ask(self, span: Span = WEEK, leave_type: LeaveType | None = None) -> LeaveRequest:
        """The employee asks for leave."""
        kind = leave_type or self.annual
        return leave.submit(self.db, self.employee, kind.id, span, "", NOW)


def person(name: str, department: Department, is_admin: bool = False) -> User:
    email = f"{name}@example.com"
    return User(email=email, name=name, password_hash="-", department=department, is_admin=is_admin)


@pytest.fixture
def company(engine: Engine) -> Iterator[Company]:
    with transaction(engine) as db:
        here, there = Department(name="Here"), Department(name="There")
        people = [
            person("employee", here),
            person("manager", here),
            person("stranger", there),
            person("admin", there, is_admin=True),
        ]
        annual = LeaveType(name="Annual leave", tone=Tone.TEAL, half_days=20)
        sick = LeaveType(name="Sick leave", tone=Tone.ROSE, half_days=None)
        db.add_all([*people, annual, sick])
        db.flush()
        here.manager, there.manager = people[1], people[2]
        db.commit()
        yield Company(db, annual, sick, *people)


def test_a_request_is_counted_against_the_allowance(company: Company) -> None:
    request = company.ask()
    assert (request.half_days, request.status) == (10, Status.PENDING)
    balance = leave.balance(company.db, company.employee, company.annual, 2026)
    assert (balance.pending, balance.approved, balance.left) == (10, 0, 10)
    leave.decide(company.db, company.manager, request.id, Status.APPROVED, "", NOW)
    balance = leave.balance(company.db, company.employee, company.annual, 2026)
    assert (balance.pending, balance.approved, balance.left) == (0, 10, 10)
    assert leave.balance(company.db, company.employee, company.annual, 2027).left == 20


def test_the_allowance_is_the_limit(company: Company) -> None:
    company.ask()
    with pytest.raises(RefusedError, match=r"takes 5\.5 days, but 5 days of annual leave are left"):
        company.ask(Span(date(2026, 7, 6), date(2026, 7, 13), ends_at_noon=True))
    company.ask(Span(date(2026, 7, 6), date(2026, 7, 10)))
    assert leave.balance(company.db, company.employee, company.annual, 2026).left == 0


def test_a_personal_allowance_replaces_the_types(company: Company) -> None:
    own = Allowance(
        user_id=company.employee.id, leave_type_id=company.annual.id, year=2026, half_days=9
    )
    company.db.add(own)
    company.db.flush()
    with pytest.raises(RefusedError, match=r"4\.5 days of annual leave are left in 2026"):
        company.ask()


def test_leave_without_allowance_is_unlimited(company: Company) -> None:
    request = company.ask(Span(date(2026, 1, 1), date(2026, 12, 31)), company.sick)
    assert request.half_days == 522
    assert leave.balance(company.db, company.employee, company.sick, 2026).left is None


def test_overlap_is_refused_unless_the_other_is_over(company: Company) -> None:
    request = company.ask()
    inside = Span(date(2026, 6, 5), date(2026, 6, 8))
    with pytest.raises(RefusedError, match="pending leave from 1 June to 5 June 2026"):
        company.ask(inside, company.sick)
    leave.cancel(company.db, company.employee, request.id, NOW)
    assert company.ask(inside).half_days == 4


def test_two_halves_of_a_day_go_together(company: Company) -> None:
    day = date(2026, 6, 1)
    company.ask(Span(day, day, ends_at_noon=True))
    company.ask(Span(day, day, starts_at_noon=True), company.sick)


@pytest.mark.parametrize(
    ("span", "message"),
    [
        (Span(date(2026, 6, 5), date(2026, 6, 1)), "ends before it starts"),
        (Span(date(2026, 6, 6), date(2026, 6, 7)), "no working day"),
        (Span(date(2026, 12, 30), date(2027, 1, 4)), "each year separately"),
        (Span(date(2029, 6, 4), date(2029, 6, 5)), "from 2025 to 2027"),
        (Span(date(2026, 6, 10), date(2026, 6, 10)), "no working day"),
    ],
)
def test_dates_that_make_no_sense(company: Company, span: Span, message: str) -> None:
    company.db.add(Holiday(day=date(2026, 6, 10), name="A holiday"))
    company.db.flush()
    with pytest.raises(RefusedError, match=message):
        company.ask(span)


def test_a_retired_type_is_refused(company: Company) -> None:
    company.annual.is_active = False
    with pytest.raises(RefusedError, match="Choose a type"):
        company.ask()


@pytest.mark.parametrize("role", ["manager", "admin"])
@pytest.mark.parametrize("status", [Status.APPROVED, Status.REJECTED])
def test_manager_and_admin_decide(company: Company, role: str, status: Status) -> None:
    request = company.ask()
    actor = getattr(company, role)
    leave.decide(company.db, actor, request.id, status, "Because.", NOW)
    assert (request.status, request.decided_by, request.decided_at) == (status, actor, NOW)
    events = leave.history(company.db, request)
    assert [(event.action, event.actor) for event in events] == [
        ("requested", company.employee),
        (status.value, actor),
    ]
    assert events[1].detail == "Because."


def test_nobody_else_decides(company: Company) -> None:
    request = company.ask()
    with pytest.raises(NotFoundError):
        leave.decide(company.db, company.stranger, request.id, Status.APPROVED, "", NOW)
    with pytest.raises(NotAllowedError):
        leave.decide(company.db, company.employee, request.id, Status.APPROVED, "", NOW)
    assert request.status is Status.PENDING


@pytest.mark.parametrize("role", ["manager", "admin"])
def test_nobody_decides_on_their_own_leave(company: Company, role: str) -> None:
    actor = getattr(company, role)
    request = leave.submit(company.db, actor, company.annual.id, WEEK, "", NOW)
    with pytest.raises(NotAllowedError):
        leave.decide(company.db, actor, request.id, Status.APPROVED, "", NOW)
    assert request not in leave.to_decide(company.db, actor)


def test_a_rejection_says_why(company: Company) -> None:
    request = company.ask()
    with pytest.raises(RefusedError, match="Say why"):
        leave.decide(company.db, company.manager, request.id, Status.REJECTED, " ", NOW)


def test_what_is_decided_stays_so(company: Company) -> None:
    request = company.ask()
    leave.decide(company.db, company.manager, request.id, Status.APPROVED, "", NOW)
    with pytest.raises(RefusedError, match="already approved"):
        leave.decide(company.db, company.admin, request.id, Status.REJECTED, "No", NOW)
    with pytest.raises(RefusedError, match="already approved"):
        leave.cancel(company.db, company.employee, request.id, NOW)


def test_approval_checks_an_allowance_that_shrank(company: Company) -> None:
    request = company.ask()
    company.annual.half_days = 8
    company.db.flush()
    with pytest.raises(RefusedError, match="is now 4 days"):
        leave.decide(company.db, company.manager, request.id, Status.APPROVED, "", NOW)


def test_only_the_person_cancels(company: Company) -> None:
    request = company.ask()
    with pytest.raises(NotAllowedError):
        leave.cancel(company.db, company.manager, request.id, NOW)
    leave.cancel(company.db, company.employee, request.id, NOW)
    assert request.status is Status.CANCELLED


def test_lists_are_of_ones_own_people(company: Company) -> None:
    request = company.ask()
    assert leave.to_decide(company.db, company.manager) == [request]
    assert leave.to_decide(company.db, company.admin) == [request]
    assert leave.to_decide(company.db, company.stranger) == []
    assert leave.to_decide(company.db, company.employee) == []
    leave.decide(company.db, company.manager, request.id, Status.APPROVED, "", NOW)
    assert leave.decided(company.db, company.manager) == [request]
    assert leave.decided(company.db, company.stranger) == []


def at_once(count: int, engine: Engine, deed: object) -> list[Exception | None]:
    """Do `deed(session)` in `count` threads at the same moment; what each of them raised."""
    assert callable(deed)
    barrier = Barrier(count)
    outcomes: list[Exception | None] = []

    def work() -> None:
        barrier.wait()
        try:
            with transaction(engine) as db:
                deed(db)
        except RefusedError as error:
            outcomes.append(error)
        else:
            outcomes.append(None)

    threads = [Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(outcomes) == count, "a thread died of something unexpected"
    return outcomes


def test_simultaneous_requests_cannot_overlap(company: Company, engine: Engine) -> None:
    company.db.commit()
    user_id, type_id = company.employee.id, company.annual.id

    def ask(db: Session) -> None:
        leave.submit(db, db.get_one(User, user_id), type_id, WEEK, "", NOW)

    outcomes = at_once(6, engine, ask)
    assert outcomes.count(None) == 1
    with transaction(engine, write=False) as db:
        assert len(db.scalars(select(LeaveRequest)).all()) == 1


def test_simultaneous_decisions_cannot_both_count(company: Company, engine: Engine) -> None:
    request_id, manager_id = company.ask().id, company.manager.id
    company.db.commit()

    def approve(db: Session) -> None:
        manager = db.get_one(User, manager_id)
        leave.decide(db, manager, request_id, Status.APPROVED, "", NOW)

    outcomes = at_once(6, engine, approve)
    assert outcomes.count(None) == 1
    with transaction(engine, write=False) as db:
        actions = db.scalars(select(AuditEvent.action)).all()
    assert actions.count("approved") == 1
