"""authorized_keys with a key more, and a key less; what is kept on the way."""

from pathlib import Path

from beeyard.workflows.keys import public_key
from beeyard.workflows.rotate_ssh import _end_swap, with_key, without_key

OLD, NEW = "ssh-ed25519 AAAA old", "ssh-ed25519 BBBB new"
CONTROLLER = 'from="10.0.0.0/8" ssh-ed25519 CCCC beeyard-controller'


def test_one_is_added_once() -> None:
    text = f"{OLD}\n{CONTROLLER}\n"
    added = with_key(text, NEW)
    assert added == f"{OLD}\n{CONTROLLER}\n{NEW}\n"
    assert with_key(added, "ssh-ed25519 BBBB by another name") == added


def test_a_file_without_an_end_of_line_takes_one() -> None:
    assert with_key(OLD, NEW) == f"{OLD}\n{NEW}\n"


def test_one_goes_whatever_stands_beside_it() -> None:
    text = f"{OLD}\nno-pty {OLD} again\n{CONTROLLER}\n{NEW}\n"
    assert without_key(text, "ssh-ed25519 AAAA other words") == f"{CONTROLLER}\n{NEW}\n"


def test_the_swap_ends_where_it_was_cut_short(tmp_path: Path) -> None:
    """Its private half is moved first: whoever comes then moves the public one."""
    current, made = tmp_path / "id", tmp_path / "id.next"
    public_key(current, own=True)
    new = public_key(made, own=True)
    _end_swap(current, made, None)
    assert public_key(current, own=False) != new, "nothing had begun"
    made.replace(current)
    _end_swap(current, made, None)
    assert public_key(current, own=False) == new
    assert not made.with_name("id.next.pub").exists()
