"""What is stored. Lengths of leave are whole numbers of half days; times are UTC."""

from datetime import UTC, date, datetime
from enum import StrEnum

from sqlalchemy import Date, DateTime, Enum, ForeignKey, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from timeoff.span import Span


def utcnow() -> datetime:
    """The time in UTC to the second, naive, as every database keeps it."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


class Base(DeclarativeBase):
    """Base of the models."""


class Status(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


class Tone(StrEnum):
    """Colours that a leave type may have; each is a class in the style sheet."""

    TEAL = "teal"
    BLUE = "blue"
    VIOLET = "violet"
    ROSE = "rose"
    AMBER = "amber"
    SLATE = "slate"


def _values(kind: type[StrEnum]) -> Enum:
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=16,
        values_callable=lambda members: [member.value for member in members],
    )


class DepartmentManager(Base):
    """Who manages a department. A table of its own, as people also belong to departments."""

    __tablename__ = "department_managers"

    department_id: Mapped[int] = mapped_column(ForeignKey("departments.id"), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))


class Department(Base):
    """A part of the company. Its manager decides on its members' leave."""

    __tablename__ = "departments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    members: Mapped[list["User"]] = relationship(back_populates="department", order_by="User.name")
    manager: Mapped["User | None"] = relationship(
        secondary="department_managers", back_populates="manages"
    )


class User(Base):
    """Someone who signs in. People are deactivated, never deleted: their decisions remain."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(190), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    password_hash: Mapped[str] = mapped_column(String(255))
    # Raised to end every session of this person.
    session_version: Mapped[int] = mapped_column(default=1)
    is_admin: Mapped[bool] = mapped_column(default=False)
    is_active: Mapped[bool] = mapped_column(default=True)
    department_id: Mapped[int | None] = mapped_column(ForeignKey("departments.id"))
    department: Mapped[Department | None] = relationship(back_populates="members")
    manages: Mapped[list[Department]] = relationship(
        secondary="department_managers", back_populates="manager", order_by="Department.name"
    )

    @property
    def initials(self) -> str:
        """One or two letters for a small badge."""
        words = self.name.split() or [self.email]
        letters = words[0][:2] if len(words) == 1 else words[0][0] + words[-1][0]
        return letters.upper()


class LeaveType(Base):
    """A kind of leave. Without an allowance (`half_days` is None) it is unlimited."""

    __tablename__ = "leave_types"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    tone: Mapped[Tone] = mapped_column(_values(Tone), default=Tone.TEAL)
    half_days: Mapped[int | None] = mapped_column()
    is_active: Mapped[bool] = mapped_column(default=True)


class Allowance(Base):
    """One person's allowance in one year, where it differs from the leave type's."""

    __tablename__ = "allowances"

    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), primary_key=True)
    leave_type_id: Mapped[int] = mapped_column(ForeignKey("leave_types.id"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    half_days: Mapped[int] = mapped_column()


class Holiday(Base):
    """A day on which nobody works."""

    __tablename__ = "holidays"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))


class LeaveRequest(Base):
    """Leave that somebody asked for, and what became of it."""

    __tablename__ = "leave_requests"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    leave_type_id: Mapped[int] = mapped_column(ForeignKey("leave_types.id"))
    starts_on: Mapped[date] = mapped_column(Date)
    ends_on: Mapped[date] = mapped_column(Date)
    starts_at_noon: Mapped[bool] = mapped_column(default=False)
    ends_at_noon: Mapped[bool] = mapped_column(default=False)
    # Working time in it, counted when it was asked for.
    half_days: Mapped[int] = mapped_column()
    reason: Mapped[str] = mapped_column(Text, default="")
    status: Mapped[Status] = mapped_column(_values(Status), default=Status.PENDING)
    created_at: Mapped[datetime] = mapped_column(DateTime, default=utcnow)
    decided_at: Mapped[datetime | None] = mapped_column(DateTime)
    decided_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    comment: Mapped[str] = mapped_column(Text, default="")
    user: Mapped[User] = relationship(foreign_keys=[user_id])
    decided_by: Mapped[User | None] = relationship(foreign_keys=[decided_by_id])
    leave_type: Mapped[LeaveType] = relationship()

    @property
    def span(self) -> Span:
        """When it starts and ends."""
        return Span(self.starts_on, self.ends_on, self.starts_at_noon, self.ends_at_noon)


class AuditEvent(Base):
    """Who did what, when. Written in the same transaction as the deed."""

    __tablename__ = "audit_events"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime, default=utcnow)
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("users.id"))
    action: Mapped[str] = mapped_column(String(40))
    request_id: Mapped[int | None] = mapped_column(ForeignKey("leave_requests.id"))
    detail: Mapped[str] = mapped_column(Text, default="")
    actor: Mapped[User | None] = relationship()


class SignInFailure(Base):
    """A wrong password, remembered for as long as it throttles further attempts."""

    __tablename__ = "sign_in_failures"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(190))
    address: Mapped[str] = mapped_column(String(64))
    at: Mapped[datetime] = mapped_column(DateTime, default=utcnow)
