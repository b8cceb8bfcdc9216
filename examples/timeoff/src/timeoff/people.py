"""People: signing in, accounts, and the throttle on wrong passwords."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from timeoff.errors import RefusedError, ThrottledError
from timeoff.models import AuditEvent, Department, SignInFailure, User
from timeoff.passwords import hash_password, verify_password

FAILURE_WINDOW = timedelta(minutes=15)
MAX_FAILURES_HERE = 5
MAX_FAILURES_ANYWHERE = 20


def normal_email(text: str) -> str:
    """The form in which e-mail addresses are stored. Raises RefusedError if it is none."""
    email = text.strip().lower()
    name, at, host = email.partition("@")
    if not (name and at and host) or " " in email or len(email) > 190:
        raise RefusedError("Write an e-mail address, such as name@example.com.", field="email")
    return email


def authenticate(
    db: Session, email: str, password: str, address: str, now: datetime
) -> User | None:
    """The active person with this e-mail and password, or None.

    Failures are counted in the database, so that all replicas throttle together; the caller
    commits. Raises ThrottledError after too many of them, even if the password is right.
    """
    email = email.strip().lower()[:190]
    _refuse_if_throttled(db, email, address, now)
    user = db.scalar(select(User).where(User.email == email))
    stored = user.password_hash if user and user.is_active else None
    if verify_password(password, stored):
        db.execute(
            delete(SignInFailure).where(
                SignInFailure.email == email, SignInFailure.address == address
            )
        )
        return user
    db.execute(delete(SignInFailure).where(SignInFailure.at < now - FAILURE_WINDOW))
    db.add(SignInFailure(email=email, address=address[:64], at=now))
    return None


def _refuse_if_throttled(db: Session, email: str, address: str, now: datetime) -> None:
    recent = select(func.count()).where(
        SignInFailure.email == email, SignInFailure.at >= now - FAILURE_WINDOW
    )
    here = db.scalar(recent.where(SignInFailure.address == address[:64])) or 0
    anywhere = db.scalar(recent) or 0
    if here >= MAX_FAILURES_HERE or anywhere >= MAX_FAILURES_ANYWHERE:
        raise ThrottledError(
            "Too many wrong passwords. Wait 15 minutes, then try again, "
            "or ask an administrator for a new password."
        )


@dataclass(frozen=True, slots=True)
class Profile:
    """What an administrator writes about a person."""

    email: str
    name: str
    department_id: int | None = None
    is_admin: bool = False
    is_active: bool = True


def create_user(db: Session, actor: User | None, profile: Profile, password: str) -> User:
    """A new person. Raises RefusedError if the e-mail is taken or the password too short."""
    user = User(session_version=1, password_hash=hash_password(password))
    _write_profile(db, user, profile)
    db.add(user)
    db.flush()
    db.add(AuditEvent(actor=actor, action="user created", detail=user.email))
    return user


def update_user(db: Session, actor: User, user: User, profile: Profile) -> None:
    """Change a person. Raises RefusedError if that would leave nobody in charge."""
    loses_admin = user.is_admin and not (profile.is_admin and profile.is_active)
    # Locked, so that two administrators can't demote each other at the same moment.
    admins = db.scalars(
        select(User.id).where(User.is_admin, User.is_active).with_for_update()
    ).all()
    if loses_admin and set(admins) <= {user.id}:
        raise RefusedError("This is the last active administrator. Appoint another one first.")
    if user.id == actor.id and not profile.is_active:
        raise RefusedError("You can't deactivate yourself.")
    if user.is_active and not profile.is_active:
        user.session_version += 1
    _write_profile(db, user, profile)
    db.add(AuditEvent(actor=actor, action="user changed", detail=user.email))


def set_password(db: Session, actor: User | None, user: User, password: str) -> None:
    """Replace a password; every session of that person ends."""
    user.password_hash = hash_password(password)
    user.session_version += 1
    db.add(AuditEvent(actor=actor, action="password changed", detail=user.email))


def _write_profile(db: Session, user: User, profile: Profile) -> None:
    email = normal_email(profile.email)
    taken = db.scalar(select(User).where(User.email == email))
    if taken is not None and taken is not user:
        raise RefusedError(f"{email} already has an account.", field="email")
    if not profile.name.strip():
        raise RefusedError("Write a name.", field="name")
    if profile.department_id is not None and not db.get(Department, profile.department_id):
        raise RefusedError("There is no such department.", field="department_id")
    user.email = email
    user.name = profile.name.strip()
    user.department_id = profile.department_id
    user.is_admin = profile.is_admin
    user.is_active = profile.is_active
