"""Sessions of people on pages, and waiting for who fails too often."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from beeyard.controller import sessions as module
from beeyard.controller.accounts import Accounts, Identity
from beeyard.controller.passwords import Passwords
from beeyard.controller.sessions import IDLE, LONGEST, Session, Sessions, SignInFailed
from beeyard.controller.throttle import ADDRESS, FORGOTTEN, USER, Throttle, TooManyTries
from beeyard.secret import Secret
from beeyard.testing import FakeClock
from controller.paper import Paper

PASSWORD, WRONG = Secret("correct horse battery"), Secret("wrong horse battery")
HERE, THERE = "203.0.113.7", "198.51.100.9"


class Counted(Passwords):
    """Counts how often a password is checked."""

    def __init__(self) -> None:
        self.checked = 0
        super().__init__(1, 8, 1)

    def matches(self, password: Secret, kept: str) -> bool:
        self.checked += 1
        return super().matches(password, kept)


class World:
    """Users, sessions and a clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.passwords = Counted()
        moments = (datetime(2026, 5, 1, tzinfo=UTC) + timedelta(days=day) for day in range(99))
        self.accounts = Paper().give(Accounts(self.passwords, now=lambda: next(moments)))
        self.accounts.add_user("anna", "operator", PASSWORD)
        self.accounts.add_user("otto", "viewer", PASSWORD)
        self.throttle = Throttle(self.clock)
        self.sessions = Sessions(self.accounts, self.throttle, self.clock)

    def sign_in(self, name: str = "anna", password: Secret = PASSWORD, at: str = HERE) -> Session:
        return self.sessions.sign_in(name, password, at)

    def fail(self, name: str = "anna", at: str = HERE, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(SignInFailed):
                self.sign_in(name, WRONG, at)


@pytest.fixture
def world() -> World:
    return World()


def test_who_signed_in_is_known_by_their_session(world: World) -> None:
    session = world.sign_in()
    assert world.sessions.identity(session.word) == Identity("anna", "operator")
    other = world.sign_in()
    assert other.word != session.word
    for wrong in ("", "x", session.csrf.reveal(), "\ud800"):
        assert world.sessions.identity(Secret(wrong)) is None


@pytest.mark.parametrize(("name", "password"), [("anna", WRONG), ("nobody", PASSWORD)])
def test_who_fails_is_not_told_why(world: World, name: str, password: Secret) -> None:
    with pytest.raises(SignInFailed, match="no such user, or the password is another"):
        world.sign_in(name, password)
    assert world.passwords.checked == 1


def test_it_ends_when_it_is_not_used(world: World) -> None:
    session = world.sign_in()
    for _ in range(3):
        world.clock.sleep(IDLE)
        assert world.sessions.identity(session.word) is not None
    world.clock.sleep(IDLE + 1)
    assert world.sessions.identity(session.word) is None


def test_it_ends_though_it_is_used(world: World) -> None:
    session = world.sign_in()
    for _ in range(int(LONGEST / 1000)):
        world.clock.sleep(1000)
        assert world.sessions.identity(session.word) is not None
    world.clock.sleep(1000)
    assert world.sessions.identity(session.word) is None


def test_it_ends_when_they_sign_out(world: World) -> None:
    session, other = world.sign_in(), world.sign_in()
    world.sessions.end(session.word)
    world.sessions.end(session.word)
    assert world.sessions.identity(session.word) is None
    assert world.sessions.identity(other.word) is not None


def test_it_ends_with_the_password_and_with_the_user(world: World) -> None:
    anna, otto = world.sign_in(), world.sign_in("otto")
    world.accounts.change_user("anna", password=WRONG)
    assert world.sessions.identity(anna.word) is None
    world.accounts.remove_user("otto")
    assert world.sessions.identity(otto.word) is None
    world.accounts.add_user("otto", "admin", PASSWORD)
    assert world.sessions.identity(otto.word) is None


def test_a_changed_role_counts_at_once(world: World) -> None:
    session = world.sign_in()
    world.accounts.change_user("anna", role="viewer")
    assert world.sessions.identity(session.word) == Identity("anna", "viewer")


def test_a_csrf_token_is_good_for_its_own_session(world: World) -> None:
    one, two = world.sign_in(), world.sign_in()
    assert world.sessions.csrf_matches(one.word, one.csrf)
    assert not world.sessions.csrf_matches(one.word, two.csrf)
    assert not world.sessions.csrf_matches(one.word, one.word)
    assert not world.sessions.csrf_matches(one.word, Secret(""))
    world.sessions.end(one.word)
    assert not world.sessions.csrf_matches(one.word, one.csrf)


def test_there_is_an_end_to_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    monkeypatch.setattr(module, "MOST_OF_ONE", 3)
    annas = [world.sign_in() for _ in range(5)]
    assert [world.sessions.identity(one.word) is not None for one in annas] == [False] * 2 + [
        True
    ] * 3
    ottos = [world.sign_in("otto") for _ in range(3)]
    assert world.sessions.identity(annas[2].word) is None
    assert all(world.sessions.identity(one.word) for one in [*annas[3:], *ottos])


# Throttling


def test_a_user_who_fails_often_has_to_wait_and_no_password_is_checked(world: World) -> None:
    world.fail(times=USER.free)
    checked = world.passwords.checked
    with pytest.raises(TooManyTries) as caught:
        world.sign_in(at=THERE)
    assert caught.value.wait == 1
    assert world.passwords.checked == checked
    world.sign_in("otto")


def test_the_wait_doubles_up_to_an_end(world: World) -> None:
    waits: list[float] = []
    for _ in range(USER.free + 8):
        while True:
            try:
                world.sign_in("nobody", WRONG, at=f"10.0.0.{len(waits)}")
            except TooManyTries as error:
                waits.append(error.wait)
                world.clock.sleep(error.wait)
            except SignInFailed:
                break
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]


def test_an_address_that_fails_often_has_to_wait_whoever_it_tries(world: World) -> None:
    for number in range(ADDRESS.free):
        world.fail(f"user{number}")
    with pytest.raises(TooManyTries):
        world.sign_in("otto")
    world.sign_in("otto", at=THERE)


def test_an_ipv6_network_is_one_address(world: World) -> None:
    for number in range(ADDRESS.free):
        world.fail(f"user{number}", at=f"2001:db8:0:1::{number:x}")
    with pytest.raises(TooManyTries):
        world.sign_in(at="2001:db8:0:1:ffff::1")
    world.sign_in(at="2001:db8:0:2::1")
    with pytest.raises(SignInFailed):
        world.sign_in(password=WRONG, at="not an address")


def test_an_ipv4_address_in_ipv6_is_itself(world: World) -> None:
    for number in range(ADDRESS.free):
        world.fail(f"user{number}", at=HERE)
    with pytest.raises(TooManyTries):
        world.sign_in(at=f"::ffff:{HERE}")
    world.sign_in(at=f"::ffff:{THERE}")


def test_success_forgets_what_failed_for_the_user_not_for_the_address(world: World) -> None:
    for _ in range(4):
        world.fail(times=USER.free - 1)
        world.sign_in()
    failed = 4 * (USER.free - 1)
    for number in range(ADDRESS.free - failed):
        world.fail(f"user{number}")
    with pytest.raises(TooManyTries):
        world.sign_in()


def test_what_failed_is_forgotten_after_an_hour(world: World) -> None:
    world.fail(times=USER.free - 1)
    world.clock.sleep(FORGOTTEN + 1)
    world.fail(times=USER.free - 1)
    world.sign_in()


def test_attempts_at_once_gain_nothing(world: World) -> None:
    """Each counts before its password is checked."""
    begin, refused = threading.Barrier(20), []

    def attempt() -> None:
        begin.wait()
        try:
            world.throttle.begin("anna", HERE)
        except TooManyTries as error:
            refused.append(error)

    threads = [threading.Thread(target=attempt) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 20 - USER.free


def test_memory_is_bounded_also_by_attempts_that_are_refused() -> None:
    clock = FakeClock()
    throttle = Throttle(clock, most=100)
    for number in range(1000):
        try:
            throttle.begin(f"user{number}", HERE)
        except TooManyTries:
            continue
    assert len(throttle._tries) <= ADDRESS.free + 1, "what is refused is not remembered"
    for number in range(1000):
        throttle.begin(f"user{number}", f"10.1.{number // 250}.{number % 250}")
    assert len(throttle._tries) == 100
    throttle.begin("x" * 100_000, "y" * 100_000)
    assert max(len(name) for _, name in throttle._tries) == 100
