"""What is rotated is backed up, or `recover` would bring back what has ended."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.errors import CloudError, UnverifiedError
from beeyard.workflows import Cluster, rotate_application, rotating
from beeyard.workflows.rotating import back_up

MakeCluster = Callable[..., Cluster]


class Taken:
    """Backups that say in a list that they were taken."""

    def __init__(self, said: list[str]) -> None:
        self.said = said

    def create(self, kinds: tuple[str, ...]) -> None:
        self.said.append(f"backup {' '.join(kinds)}")


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done, in order."""
    done: list[str] = []

    @contextmanager
    def alone_in(_: Cluster, doing: str) -> Iterator[None]:
        done.append(f"lock: {doing}")
        yield
        done.append("unlock")

    monkeypatch.setattr(rotating, "alone_in", alone_in)
    monkeypatch.setattr(rotating, "open_backups", lambda _: Taken(done))
    return done


def test_a_backup_is_the_last_step_under_the_lock(
    said: list[str], make_cluster: MakeCluster
) -> None:
    def find(_: Cluster) -> Any:
        said.append("nodes")
        return "hosts"

    with rotating.rotating(make_cluster(), "rotate ca", find) as hosts:
        said.append(f"rotated on {hosts}")
    assert said == ["lock: rotate ca", "nodes", "rotated on hosts", "backup raft", "unlock"]


def test_what_failed_is_not_backed_up(said: list[str], make_cluster: MakeCluster) -> None:
    with pytest.raises(ZeroDivisionError), rotating.rotating(make_cluster(), "rotate ca", str):  # type: ignore[arg-type]
        raise ZeroDivisionError
    assert "backup raft" not in said


def test_a_backup_that_fails_says_that_the_rest_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_: Any) -> None:
        raise CloudError("S3 does not answer", why="no route")

    monkeypatch.setattr(rotating, "open_backups", none)
    with pytest.raises(UnverifiedError) as caught:
        back_up("hosts", "rotate ca")  # type: ignore[arg-type]
    assert caught.value.what == "rotate ca: it is done, but no backup of the Swarm holds it"
    assert caught.value.why == "S3 does not answer: no route"


def test_a_backup_knows_the_new_user_before_the_old_one_is_locked(
    said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(_: Any, name: str, *, user: str, ended: bool, admin: object) -> None:
        said.append(f"{'lock' if ended else 'make'} {user}")

    def again(*_: object) -> Any:
        said.append("rolled out")
        return SimpleNamespace(release=SimpleNamespace(number=2))

    for name, made in {
        "_play": play,
        "_in_use": lambda *_: "url.1",
        "_kept_next": lambda *_: "-",
        "_latest": lambda *_: "url.2",
        "versions": lambda *_: [],
    }.items():
        monkeypatch.setattr(rotate_application, name, made)
    deployer: Any = SimpleNamespace(
        name="shop", hosts=None, manager=SimpleNamespace(client=None), again=again
    )
    rotate_application._rotate(deployer, "url", new_user="shop~", old_user="shop")
    assert said == ["make shop~", "rolled out", "backup raft", "lock shop"]
