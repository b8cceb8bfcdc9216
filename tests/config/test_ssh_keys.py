"""Operators' public keys in beeyard.yml."""

from pathlib import Path

import pytest
from pydantic import BaseModel, ValidationError

from beeyard.config.ssh_keys import Operator, PublicKey, key_of
from beeyard.workflows.keys import public_key


def refused(operator: str, line: str) -> str:
    """What is said of it."""
    with pytest.raises(ValidationError) as caught:
        Keys(keys={operator: line})
    return str([one.get("ctx") for one in caught.value.errors()])


class Keys(BaseModel):
    keys: dict[Operator, PublicKey]


def test_a_real_one_is_taken(tmp_path: Path) -> None:
    line = public_key(tmp_path / "id", own=True)
    assert Keys(keys={"alice": f"{line}\n"}).keys == {"alice": line}
    assert key_of(line) == key_of(f"{line} and more")


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBA==",
        'from="1.2.3.4" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHVwJ0c1VgHF4zE0ipjB3pXuzWOe8rPjZqgZFL',
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIHVwJ0c1VgHF4zE0ipjB3pXuzWOe8rPjZqgZFLyk4Ey5",
    ],
)
def test_what_is_none_is_refused(line: str) -> None:
    assert "no SSH public key of a kind that EC2 takes" in refused("alice", line)


def test_a_private_one_is_not_repeated(tmp_path: Path) -> None:
    public_key(tmp_path / "id", own=True)
    private = (tmp_path / "id").read_text()
    said = refused("alice", private)
    assert "this is a private key" in said
    assert private.splitlines()[2] not in said


def test_names_are_names() -> None:
    assert "can't name an operator" in refused("a b", "ssh-ed25519 AAAA")
