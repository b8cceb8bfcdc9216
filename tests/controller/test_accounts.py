"""Users, roles and tokens: who may do what, and what is written down of it."""

import hashlib
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beeyard.controller.account_records import (
    ACCOUNT_RECORDS,
    ROLES,
    Role,
    covers,
)
from beeyard.controller.accounts import (
    MOST_TOKENS,
    OPERATOR,
    AccountError,
    Accounts,
    Identity,
    NotAllowed,
    bootstrap_token,
)
from beeyard.controller.epochs import LeaseLost
from beeyard.controller.journal import Journal
from beeyard.controller.kinds import Kinds
from beeyard.controller.passwords import LONGEST, Busy, Passwords
from beeyard.controller.records import Record
from beeyard.errors import ConfigError
from beeyard.secret import Secret
from controller.copies import take
from controller.paper import Paper

#: As cheap as Argon2 allows: what it costs is the subject of two tests only.
CHEAP = Passwords(1, 8, 1)
PASSWORD = Secret("correct horse battery")
WRONG = Secret("incorrect horse battery")
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Time:
    """A clock on the wall that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def at() -> Time:
    return Time()


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def accounts(paper: Paper, at: Time) -> Accounts:
    made = paper.give(Accounts(CHEAP, now=at))
    made.add_user("anna", "operator", PASSWORD)
    return made


def test_roles_go_from_the_one_that_may_least_to_the_one_that_may_all() -> None:
    assert get_args(Role) == ROLES
    table = [[covers(have, wanted) for wanted in ROLES] for have in ROLES]
    assert table == [[True, False, False], [True, True, False], [True, True, True]]


@pytest.mark.parametrize(
    ("identity", "role", "application", "may"),
    [
        (Identity("a", "operator"), "viewer", "shop", True),
        (Identity("a", "operator"), "operator", "", True),
        (Identity("a", "operator"), "admin", "shop", False),
        (Identity("a", "operator", "shop"), "operator", "shop", True),
        (Identity("a", "operator", "shop"), "viewer", "blog", False),
        (Identity("a", "admin", "shop"), "viewer", "", False),
    ],
)
def test_who_may_what(identity: Identity, role: Role, application: str, may: bool) -> None:
    assert identity.may(role, application) is may


def test_who_may_not_is_told_why() -> None:
    with pytest.raises(NotAllowed) as caught:
        Identity("a", "viewer").require("admin")
    assert caught.value.why == "their role is viewer, and this takes admin"
    with pytest.raises(NotAllowed) as caught:
        Identity("a", "admin", "shop").require("viewer", "blog")
    assert caught.value.why == "their token is for shop only"
    Identity("a", "admin", "shop").require("admin", "shop")


# Passwords


def test_a_password_lets_its_user_in_and_no_other_does(accounts: Accounts) -> None:
    found = accounts.by_password("anna", PASSWORD)
    assert found is not None
    assert (found.name, found.role) == ("anna", "operator")
    for name, password in (
        ("anna", WRONG),
        ("anna", Secret("")),
        ("anna", Secret("\ud800")),
        ("anna", Secret("x" * (LONGEST + 1))),
        ("otto", PASSWORD),
        ("", PASSWORD),
    ):
        assert accounts.by_password(name, password) is None


def test_no_password_is_written_down(accounts: Accounts, paper: Paper) -> None:
    text = "".join(record.model_dump_json() for record in paper.records)
    assert PASSWORD.reveal() not in text
    assert "$argon2id$v=19$m=8,t=1,p=1$" in text


def test_one_without_a_password_can_not_sign_in(accounts: Accounts) -> None:
    accounts.add_user("robot", "viewer")
    assert accounts.by_password("robot", Secret("")) is None


@pytest.mark.parametrize("password", ["short", "x" * 11, "x" * (LONGEST + 1)])
def test_bad_passwords_are_not_taken(accounts: Accounts, password: str) -> None:
    with pytest.raises(AccountError, match="a password has 12 to 1000 characters"):
        accounts.add_user("otto", "viewer", Secret(password))
    with pytest.raises(AccountError):
        accounts.change_user("anna", password=Secret(password))
    assert accounts.by_password("anna", PASSWORD) is not None


def test_signing_in_makes_a_hash_of_older_parameters_anew(paper: Paper, accounts: Accounts) -> None:
    before = accounts.user("anna")
    dearer = paper.give(Accounts(Passwords(2, 8, 1)))
    assert dearer.by_password("anna", WRONG) is None
    assert len(paper.records) == 1

    assert dearer.by_password("anna", PASSWORD) is not None

    after = dearer.user("anna")
    assert before is not None
    assert after is not None
    assert "m=8,t=2,p=1" in after.password
    assert after.changed == before.changed, "nobody's session ends"
    assert dearer.by_password("anna", PASSWORD) is not None
    assert len(paper.records) == 2


def test_a_password_that_was_changed_meanwhile_stays(paper: Paper, accounts: Accounts) -> None:
    class Slow(Passwords):
        def is_outdated(self, kept: str) -> bool:
            dearer.change_user("anna", password=WRONG)
            return super().is_outdated(kept)

    dearer = paper.give(Accounts(Slow(2, 8, 1)))
    assert dearer.by_password("anna", PASSWORD) is not None
    assert dearer.by_password("anna", PASSWORD) is None


def test_the_parameters_are_those_that_are_stated() -> None:
    kept = Passwords().hash(PASSWORD)
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_a_user_that_is_not_there_takes_as_long_as_a_wrong_password(paper: Paper) -> None:
    accounts = paper.give(Accounts(Passwords(3, 8192, 1)))
    accounts.add_user("anna", "viewer", PASSWORD)
    accounts.add_user("robot", "viewer")

    def seconds(name: str, password: Secret) -> float:
        begun = time.process_time()
        assert accounts.by_password(name, password) is None
        return time.process_time() - begun

    tries = (("anna", WRONG), ("otto", WRONG), ("robot", WRONG), ("otto", Secret("x" * 5000)))
    taken = [statistics.median(seconds(*one) for _ in range(7)) for one in tries]
    # Without the check it would be a thousandth.
    assert min(taken) > 0.5 * taken[0]
    assert max(taken) < 2 * taken[0]


def test_a_check_waits_for_those_before_it_but_not_for_ever(
    accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("beeyard.controller.passwords._PATIENCE", 0.01)
    with CHEAP._turn, pytest.raises(Busy):
        accounts.by_password("anna", PASSWORD)
    assert accounts.by_password("anna", PASSWORD) is not None


# Users


@pytest.mark.parametrize("name", ["", "Anna", "an na", "-anna", "ä", "a" * 64, "a/b", OPERATOR])
def test_bad_names_are_not_taken(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="can't name a user"):
        accounts.add_user(name, "viewer")


def test_a_name_is_taken_once(accounts: Accounts, paper: Paper) -> None:
    with pytest.raises(AccountError, match="there is a user anna already"):
        accounts.add_user("anna", "admin", PASSWORD)
    assert len(paper.records) == 1


def test_what_nobody_knows_can_not_be_changed(accounts: Accounts) -> None:
    for change in (
        lambda: accounts.change_user("otto", role="admin"),
        lambda: accounts.remove_user("otto"),
        lambda: accounts.make_token("otto", "ci", "viewer"),
    ):
        with pytest.raises(AccountError, match="there is no user otto"):
            change()
    with pytest.raises(AccountError, match="there is no token 1"):
        accounts.remove_token("1")


def test_a_role_and_a_password_are_changed_apart(accounts: Accounts, at: Time) -> None:
    at.now += timedelta(days=1)
    assert accounts.change_user("anna", role="admin").changed == START
    assert accounts.by_password("anna", PASSWORD) is not None
    assert accounts.change_user("anna", password=WRONG).changed == at.now
    assert accounts.by_password("anna", PASSWORD) is None
    changed = accounts.by_password("anna", WRONG)
    assert changed is not None
    assert changed.role == "admin"


def test_what_can_not_be_written_down_did_not_happen(accounts: Accounts, paper: Paper) -> None:
    made, value = accounts.make_token("anna", "ci", "viewer")
    paper.broken = True
    for change in (
        lambda: accounts.add_user("otto", "admin"),
        lambda: accounts.change_user("anna", role="admin"),
        lambda: accounts.remove_user("anna"),
        lambda: accounts.remove_token(made.id),
        lambda: accounts.make_token("anna", "more", "viewer"),
    ):
        with pytest.raises(OSError, match="No space left"):
            change()
    assert [(user.name, user.role) for user in accounts.users()] == [("anna", "operator")]
    assert accounts.tokens() == [made]
    assert accounts.by_token(value) == Identity("anna", "viewer", "", made.id)


# Tokens


def test_a_token_stands_for_its_owner(accounts: Accounts, paper: Paper) -> None:
    made, value = accounts.make_token("anna", " laptop ", "viewer", application="shop")
    assert accounts.by_token(value) == Identity("anna", "viewer", "shop", made.id)
    assert made.name == "laptop"
    assert value.reveal().startswith("by_")
    assert len(value.reveal()) == len("by_") + 43, "256 bits"
    text = "".join(record.model_dump_json() for record in paper.records)
    assert value.reveal() not in text
    assert hashlib.sha256(value.reveal().encode()).hexdigest() in text


def test_others_stand_for_nobody(accounts: Accounts) -> None:
    made, value = accounts.make_token("anna", "ci", "viewer")
    good = value.reveal()
    for wrong in (
        "",
        "by_",
        good[:-1],
        good + "x",
        good.swapcase(),
        made.digest,
        "\ud800",
        "x" * 9999,
    ):
        assert accounts.by_token(Secret(wrong)) is None


def test_a_token_may_no_more_than_its_owner(accounts: Accounts) -> None:
    with pytest.raises(AccountError, match="anna is operator: no token of theirs can be admin"):
        accounts.make_token("anna", "ci", "admin")
    _, value = accounts.make_token("anna", "ci", "operator")
    accounts.change_user("anna", role="viewer")
    found = accounts.by_token(value)
    assert found is not None
    assert found.role == "viewer"
    accounts.change_user("anna", role="admin")
    found = accounts.by_token(value)
    assert found is not None
    assert found.role == "operator", "nor does it grow with them"


def test_it_expires(accounts: Accounts, at: Time) -> None:
    _, value = accounts.make_token("anna", "ci", "viewer", expires=START + timedelta(hours=1))
    at.now += timedelta(minutes=59)
    assert accounts.by_token(value) is not None
    at.now += timedelta(minutes=1)
    assert accounts.by_token(value) is None
    assert len(accounts.tokens()) == 1
    with pytest.raises(AccountError, match="expired already"):
        accounts.make_token("anna", "ci", "viewer", expires=START)


def test_it_ends_when_it_is_removed_and_with_its_owner(accounts: Accounts) -> None:
    one, first = accounts.make_token("anna", "one", "viewer")
    _, second = accounts.make_token("anna", "two", "viewer")
    assert accounts.remove_token(one.id) == one
    assert accounts.by_token(first) is None
    assert accounts.by_token(second) is not None
    accounts.remove_user("anna")
    assert accounts.by_token(second) is None
    accounts.add_user("anna", "admin")
    assert accounts.by_token(second) is None, "another user of the same name"
    assert accounts.tokens() == []


@pytest.mark.parametrize("name", ["", "  ", "x" * 101])
def test_it_needs_a_name(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountError, match="needs a name"):
        accounts.make_token("anna", name, "viewer")


def test_there_is_an_end_to_them(accounts: Accounts) -> None:
    for number in range(MOST_TOKENS):
        accounts.make_token("anna", f"{number}", "viewer")
    with pytest.raises(AccountError, match="anna has 100 tokens"):
        accounts.make_token("anna", "one more", "viewer")


# The cluster's own token


def test_the_clusters_own_token_is_an_admins(paper: Paper, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("by_" + "k" * 43 + "\n")
    accounts = paper.give(Accounts(CHEAP, bootstrap_token(tmp_path / "token")))
    assert accounts.by_token(Secret("by_" + "k" * 43)) == Identity(OPERATOR, "admin")
    assert accounts.by_token(Secret("by_" + "k" * 42)) is None
    assert accounts.by_token(Secret("")) is None
    assert list(accounts.records()) == []


def test_without_one_nothing_stands_for_it(accounts: Accounts) -> None:
    assert accounts.by_token(Secret("")) is None


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is none"),
        (b"k" * 31, "is none"),
        (b"k" * 201, "is none"),
        (b"\xff" * 40, "can't be read"),
        (None, "can't be read"),
    ],
)
def test_a_file_that_holds_none_is_refused_without_showing_it(
    tmp_path: Path, content: bytes | None, what: str
) -> None:
    if content is not None:
        (tmp_path / "token").write_bytes(content)
    with pytest.raises(ConfigError, match=what) as caught:
        bootstrap_token(tmp_path / "token")
    assert "kkk" not in f"{caught.value.why} {caught.value.what}"


# What is written down


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "change", "remove", "token", "untoken"]),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(ROLES),
        ),
        max_size=25,
    )
)
def test_records_give_the_same_state_again(steps: list[tuple[str, str, Role]]) -> None:
    paper = Paper()
    accounts = paper.give(Accounts(CHEAP))
    for what, name, role in steps:
        try:
            if what == "add":
                accounts.add_user(name, role)
            elif what == "change":
                accounts.change_user(name, role=role)
            elif what == "remove":
                accounts.remove_user(name)
            elif what == "token":
                accounts.make_token(name, "ci", role)
            else:
                accounts.remove_token(next((one.id for one in accounts.tokens()), ""))
        except AccountError:
            continue
    replayed = paper.give(Accounts(CHEAP))
    compacted = Paper(list(accounts.records())).give(Accounts(CHEAP))
    for other in (replayed, compacted):
        assert other.users() == accounts.users()
        assert other.tokens() == accounts.tokens()
        assert other._by_digest == accounts._by_digest


def test_they_are_kept_in_a_real_journal(tmp_path: Path) -> None:
    kinds = Kinds(ACCOUNT_RECORDS)
    accounts = Accounts(CHEAP)
    journal = Journal.open(take(tmp_path / "epochs", "one"), kinds, accounts.apply)
    accounts.written = journal
    accounts.add_user("anna", "admin", PASSWORD)
    with accounts.still():
        journal.compact(accounts.records())
    _, value = accounts.make_token("anna", "ci", "viewer")

    again = Accounts(CHEAP)
    again.written = Journal.open(take(tmp_path / "epochs", "two"), kinds, again.apply)

    assert again.by_password("anna", PASSWORD) is not None
    assert again.by_token(value) is not None
    with pytest.raises(LeaseLost):
        accounts.remove_user("anna")
    assert accounts.user("anna") is not None


def test_a_replay_changes_nothing() -> None:
    accounts = Accounts(CHEAP)
    with pytest.raises(RuntimeError, match="a replay changes nothing"):
        accounts.add_user("anna", "viewer")


def test_records_of_others_are_passed_over() -> None:
    class Other(Record):
        pass

    accounts = Accounts(CHEAP)
    accounts.apply(Other(at=START))
    assert list(accounts.records()) == []
