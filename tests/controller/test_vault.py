"""Secrets of pipelines: encrypted where they are kept, and given to who may have them."""

import json
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, MultiFernet
from hypothesis import given
from hypothesis import strategies as st

from beeyard.controller.journal import NAME, Journal
from beeyard.controller.kinds import Kinds
from beeyard.controller.vault import (
    LONGEST,
    VAULT_RECORDS,
    SecretSet,
    Vault,
    VaultError,
    new_key,
    read_keys,
)
from beeyard.errors import ConfigError
from beeyard.secret import Secret
from controller.copies import take
from controller.paper import Paper

OLD, NEW = Fernet(Fernet.generate_key()), Fernet(Fernet.generate_key())
VALUE = Secret("s3cret-value")


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.fixture
def vault(paper: Paper) -> Vault:
    return paper.give(Vault(MultiFernet([OLD])))


def test_what_is_put_is_given_back(vault: Vault) -> None:
    vault.put("shop", "token", VALUE, by="anna")
    vault.put("blog", "token", Secret("another"))
    assert vault.secrets("shop") == {"token": VALUE}
    assert repr(vault.secrets("shop")) == "{'token': ***}"
    assert [(one.name, one.by) for one in vault.listed("shop")] == [("token", "anna")]
    assert vault.secrets("forum") == {}


def test_case_does_not_count(vault: Vault) -> None:
    vault.put("shop", "Docker_Password", Secret("one"))
    vault.put("shop", "DOCKER_PASSWORD", Secret("two"))
    assert vault.secrets("shop") == {"docker_password": Secret("two")}
    vault.remove("shop", "docker_Password")
    assert vault.secrets("shop") == {}
    with pytest.raises(VaultError, match="shop has no secret `docker_password`"):
        vault.remove("shop", "docker_password")


def test_pull_requests_get_what_allows_them_and_forks_nothing(vault: Vault) -> None:
    vault.put("shop", "open", VALUE, allow_pull_request=True)
    vault.put("shop", "closed", VALUE)
    assert set(vault.secrets("shop")) == {"open", "closed"}
    assert set(vault.secrets("shop", pull_request=True)) == {"open"}
    assert vault.secrets("shop", pull_request=True, fork=True) == {}
    assert vault.secrets("shop", fork=True) == {}


@pytest.mark.parametrize("name", ["", "a b", "-a", "ä", "a" * 129, "a/b", "a\n"])
def test_bad_names_are_not_taken(vault: Vault, name: str) -> None:
    with pytest.raises(VaultError, match="can't name a secret"):
        vault.put("shop", name, VALUE)


def test_a_value_has_to_fit(vault: Vault) -> None:
    vault.put("shop", "long", Secret("x" * LONGEST))
    with pytest.raises(VaultError, match="longer than 65536 bytes"):
        vault.put("shop", "long", Secret("ä" * LONGEST))


@given(st.text(st.characters(), max_size=200))
def test_any_value_survives(value: str) -> None:
    paper = Paper()
    paper.give(Vault(MultiFernet([OLD]))).put("shop", "a", Secret(value))
    again = paper.give(Vault(MultiFernet([OLD])))
    assert again.secrets("shop")["a"].reveal() == value


def test_it_is_encrypted_in_a_real_journal(tmp_path: Path) -> None:
    vault = Vault(MultiFernet([OLD]))
    lease = take(tmp_path / "epochs", "one")
    vault.written = Journal.open(lease, Kinds(VAULT_RECORDS), vault.apply)
    vault.put("shop", "token", VALUE)
    raw = (lease.path / NAME).read_bytes()
    assert b"shop" in raw
    assert b"s3cret" not in raw

    again = Vault(MultiFernet([OLD]))
    journal = Journal.open(take(tmp_path / "epochs", "two"), Kinds(VAULT_RECORDS), again.apply)
    with again.still():
        journal.compact(again.records())
    assert again.secrets("shop") == {"token": VALUE}


def test_the_same_value_looks_different_each_time(vault: Vault, paper: Paper) -> None:
    sealed = {vault.put("shop", "token", VALUE).sealed for _ in range(5)}
    assert len(sealed) == 5


def test_a_new_key_takes_over_while_the_old_one_is_still_good(vault: Vault, paper: Paper) -> None:
    vault.put("shop", "one", VALUE)
    vault.put("blog", "two", VALUE, allow_pull_request=True, by="anna")
    both = paper.give(Vault(MultiFernet([NEW, OLD])))
    assert both.secrets("shop") == {"one": VALUE}

    assert both.rotate() == 2

    fresh = paper.give(Vault(MultiFernet([NEW])))
    assert fresh.secrets("shop") == {"one": VALUE}
    assert fresh.secrets("blog", pull_request=True) == {"two": VALUE}
    assert fresh.listed("blog")[0].by == "anna"


def test_a_key_that_is_gone_is_said_in_words(vault: Vault, paper: Paper) -> None:
    vault.put("shop", "token", VALUE)
    other = paper.give(Vault(MultiFernet([NEW])))
    with pytest.raises(VaultError, match="`token` of shop can't be decrypted"):
        other.secrets("shop")
    with pytest.raises(VaultError):
        other.rotate()
    assert len(paper.records) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"application": "evil"},
        {"name": "shown"},
        {"allow_pull_request": True},
    ],
)
def test_a_record_that_was_changed_gives_nothing(
    vault: Vault, paper: Paper, change: dict[str, object]
) -> None:
    """Whoever can write to the shared storage can't give it to another application, or to pull
    requests."""
    kept = vault.put("shop", "token", VALUE)
    moved = kept.model_copy(update=change)
    vault.apply(moved)
    with pytest.raises(VaultError, match="was moved"):
        vault.secrets(moved.application, pull_request=moved.allow_pull_request)


def test_a_forged_value_gives_nothing(vault: Vault) -> None:
    kept = vault.put("shop", "token", VALUE)
    for sealed in ("", "x", kept.sealed[:-4], OLD.encrypt(b"[]").decode(), "ä"):
        vault.apply(kept.model_copy(update={"sealed": sealed}))
        with pytest.raises(VaultError):
            vault.secrets("shop")


def test_what_can_not_be_written_down_did_not_happen(vault: Vault, paper: Paper) -> None:
    vault.put("shop", "token", VALUE)
    paper.broken = True
    with pytest.raises(OSError, match="No space"):
        vault.put("shop", "token", Secret("another"))
    with pytest.raises(OSError, match="No space"):
        vault.remove("shop", "token")
    assert vault.secrets("shop") == {"token": VALUE}


def test_no_record_holds_a_value(vault: Vault, paper: Paper) -> None:
    record = vault.put("shop", "token", VALUE)
    assert isinstance(record, SecretSet)
    assert VALUE.reveal() not in json.dumps(record.model_dump(mode="json"))


# The key file


def test_keys_are_read_one_a_line(tmp_path: Path, paper: Paper) -> None:
    one, two = new_key(), new_key()
    path = tmp_path / "keys"
    path.write_text(f"{one.reveal()}\n")
    paper.give(Vault(read_keys(path))).put("shop", "token", VALUE)
    path.write_text(f"\n{two.reveal()}\n{one.reveal()}\n\n")
    vault = paper.give(Vault(read_keys(path)))
    assert vault.secrets("shop") == {"token": VALUE}
    vault.rotate()
    path.write_text(two.reveal())
    assert paper.give(Vault(read_keys(path))).secrets("shop") == {"token": VALUE}


@pytest.mark.parametrize("content", ["", "\n", "kkkkkkkk", "k" * 43, "k" * 44 + "\nkkkk", "ä"])
def test_a_file_without_a_key_is_refused_without_showing_it(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(ConfigError, match="can't be used") as caught:
        read_keys(path)
    assert "kkk" not in str(caught.value.as_dict())
    assert caught.value.__cause__ is None


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_keys(tmp_path / "keys")
    assert "No such file" in str(caught.value.why)
