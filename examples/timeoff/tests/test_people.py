"""Accounts, passwords, and the throttle."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from timeoff import passwords
from timeoff.database import transaction
from timeoff.errors import RefusedError, ThrottledError
from timeoff.models import User
from timeoff.people import Profile, authenticate, create_user, set_password, update_user

NOW = datetime(2026, 5, 20, 12)
PASSWORD = "a good password"
HERE = "192.0.2.1"


@pytest.fixture
def db(engine: Engine) -> Iterator[Session]:
    with transaction(engine) as session:
        yield session


@pytest.fixture
def admin(db: Session) -> User:
    return create_user(db, None, Profile("Admin@Example.com ", "Ädmin", is_admin=True), PASSWORD)


def sign_in(db: Session, password: str, address: str = HERE, now: datetime = NOW) -> User | None:
    return authenticate(db, "admin@example.com", password, address, now)


def test_password_is_stored_as_argon2(admin: User) -> None:
    assert admin.password_hash.startswith("$argon2id$")
    assert PASSWORD not in admin.password_hash


def test_signs_in_whatever_the_case_of_the_address(db: Session, admin: User) -> None:
    assert admin.email == "admin@example.com"
    assert authenticate(db, " ADMIN@example.com", PASSWORD, HERE, NOW) is admin
    assert admin.name == "Ädmin"


def test_wrong_password_unknown_person_and_inactive_person_are_alike(
    db: Session, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    real = passwords.verify_password

    def spy(password: str, stored: str | None) -> bool:
        verified.append(stored)
        return real(password, stored)

    monkeypatch.setattr("timeoff.people.verify_password", spy)
    assert sign_in(db, "wrong") is None
    assert authenticate(db, "nobody@example.com", PASSWORD, HERE, NOW) is None
    admin.is_active = False
    assert sign_in(db, PASSWORD) is None
    # Each of them took the time of one comparison.
    assert len(verified) == 3


def test_five_wrong_passwords_throttle_even_the_right_one(db: Session, admin: User) -> None:
    for _ in range(5):
        assert sign_in(db, "wrong") is None
    with pytest.raises(ThrottledError, match="Wait 15 minutes"):
        sign_in(db, PASSWORD)
    assert sign_in(db, PASSWORD, address="192.0.2.2") is admin
    assert sign_in(db, PASSWORD, now=NOW + timedelta(minutes=16)) is admin


def test_success_forgets_failures(db: Session, admin: User) -> None:
    for _ in range(3):
        for _ in range(4):
            assert sign_in(db, "wrong") is None
        assert sign_in(db, PASSWORD) is admin


def test_many_addresses_together_are_throttled(db: Session, admin: User) -> None:
    del admin
    for number in range(20):
        assert sign_in(db, "", address=f"198.51.100.{number}") is None
    with pytest.raises(ThrottledError):
        sign_in(db, PASSWORD, address="203.0.113.1")


@pytest.mark.parametrize("password", ["short", "x" * 201])
def test_bad_passwords_are_refused(db: Session, password: str) -> None:
    with pytest.raises(RefusedError, match="10 to 200"):
        create_user(db, None, Profile("a@example.com", "A"), password)


@pytest.mark.parametrize("email", ["", "nobody", "@example.com", "a b@example.com"])
def test_bad_addresses_are_refused(db: Session, email: str) -> None:
    with pytest.raises(RefusedError, match="e-mail"):
        create_user(db, None, Profile(email, "A"), PASSWORD)


def test_address_is_unique(db: Session, admin: User) -> None:
    with pytest.raises(RefusedError, match="already has an account"):
        create_user(db, admin, Profile("ADMIN@example.com", "B"), PASSWORD)


@pytest.mark.parametrize(("is_admin", "is_active"), [(False, True), (True, False)])
def test_the_last_admin_stays(db: Session, admin: User, is_admin: bool, is_active: bool) -> None:
    profile = Profile(admin.email, admin.name, is_admin=is_admin, is_active=is_active)
    with pytest.raises(RefusedError, match="last active administrator"):
        update_user(db, admin, admin, profile)


def test_new_password_and_deactivation_end_sessions(db: Session, admin: User) -> None:
    person = create_user(db, admin, Profile("b@example.com", "B"), PASSWORD)
    set_password(db, admin, person, "another password")
    assert person.session_version == 2
    update_user(db, admin, person, Profile("b@example.com", "B", is_active=False))
    assert person.session_version == 3
