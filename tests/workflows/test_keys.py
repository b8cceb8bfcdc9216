"""The operator's SSH key."""

from pathlib import Path

import pytest

from beeyard.errors import ConfigError
from beeyard.process import Command, LocalRunner
from beeyard.workflows.keys import public_key


def test_one_is_made_that_openssh_takes(tmp_path: Path) -> None:
    key = tmp_path / "state" / "id_ed25519"

    public = public_key(key, own=True)

    assert public.split()[0] == "ssh-ed25519"
    assert public.split()[2] == "beeyard"
    assert key.stat().st_mode & 0o777 == 0o600
    derived = LocalRunner().run(Command(["ssh-keygen", "-y", "-f", str(key)])).stdout
    assert derived.split()[1] == public.split()[1]


def test_it_is_made_once(tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    first, private = public_key(key, own=True), key.read_bytes()
    assert public_key(key, own=True) == first
    assert key.read_bytes() == private


def test_one_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    public_key(key, own=True)
    key.unlink()  # the private half is written last
    public = public_key(key, own=True)
    derived = LocalRunner().run(Command(["ssh-keygen", "-y", "-f", str(key)])).stdout
    assert derived.split()[1] == public.split()[1]


def test_the_teams_own_is_never_made(tmp_path: Path) -> None:
    key = tmp_path / "team"
    with pytest.raises(ConfigError) as caught:
        public_key(key, own=False)
    assert caught.value.what == f"the SSH key {key} is not there"
    assert f"ssh-keygen -t ed25519 -f {key}" in str(caught.value.fix)
    assert not key.exists()


def test_the_teams_own_needs_both_halves(tmp_path: Path) -> None:
    key = tmp_path / "team"
    key.write_text("private")
    with pytest.raises(ConfigError, match=r"team\.pub is not there"):
        public_key(key, own=False)
    (tmp_path / "team.pub").write_text("ssh-ed25519 AAAA team\n")
    assert public_key(key, own=False) == "ssh-ed25519 AAAA team"
