"""Who opens a backup: real SSH keys, and real age files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.backup.keys import check_reader, unwrap, wrap
from beeyard.errors import CloudError, ConfigError
from beeyard.secret import Secret

IDENTITY = Secret("AGE-SECRET-KEY-1EXAMPLE")


def public(keys: Path, name: str) -> str:
    return (keys / f"{name}.pub").read_text().strip()


def answering(passphrase: str) -> Callable[[Path], Secret]:
    return lambda _: Secret(passphrase)


def nobody(path: Path) -> Secret:
    raise AssertionError(f"asked for the passphrase of {path}")


@pytest.mark.parametrize("name", ["ed25519", "rsa"])
def test_each_reader_opens_it_alone(keys: Path, name: str) -> None:
    key = wrap(IDENTITY, [public(keys, "ed25519"), public(keys, "rsa")])
    assert unwrap(key, keys / name, nobody) == IDENTITY


def test_a_key_with_a_passphrase_is_asked_for_it(keys: Path) -> None:
    key = wrap(IDENTITY, [public(keys, "closed")])
    assert unwrap(key, keys / "closed", answering("open sesame")) == IDENTITY
    with pytest.raises(CloudError) as caught:
        unwrap(key, keys / "closed", answering("open says me"))
    assert caught.value.why == "the passphrase is another one"


def test_another_key_does_not_open_it(keys: Path) -> None:
    key = wrap(IDENTITY, [public(keys, "rsa")])
    with pytest.raises(CloudError, match="does not open this backup") as caught:
        unwrap(key, keys / "ed25519", nobody)
    assert "readers" in str(caught.value.fix)


def test_a_key_that_is_not_there(keys: Path) -> None:
    with pytest.raises(CloudError, match="can't be read") as caught:
        unwrap("", keys / "none", nobody)
    assert caught.value.why == "No such file or directory"


def test_a_key_that_age_does_not_take_is_refused(keys: Path) -> None:
    assert check_reader(f" {public(keys, 'rsa')}\n", where="here") == public(keys, "rsa")
    with pytest.raises(ConfigError, match="can't be encrypted to this key") as caught:
        check_reader(public(keys, "ecdsa"), where="ssh.operators.olga")
    assert caught.value.where == "ssh.operators.olga"
