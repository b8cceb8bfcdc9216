"""Whose keys sign in: which one new nodes boot with, and nobody locks himself out."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beeyard.errors import ConfigError, Refused
from beeyard.workflows import Cluster
from beeyard.workflows import operators as workflow
from beeyard.workflows.keys import public_key
from beeyard.workflows.operators import launch_key, own_key, refuse_lockout

CIDRS = ["203.0.113.0/24"]


@pytest.fixture
def key(tmp_path: Path) -> Callable[[str], str]:
    """`key(name)`: the public half of a key of that name, made where it is missing."""
    return lambda name: public_key(tmp_path / name, own=True)


@pytest.fixture
def cluster_of(make_cluster: Callable[..., Cluster], tmp_path: Path) -> Callable[..., Cluster]:
    """`cluster_of(mine, **operators)`: signed in with the key `mine`."""

    def made(mine: str | None, **operators: str) -> Cluster:
        ssh: dict[str, Any] = {"allowed_cidrs": CIDRS, "operators": operators}
        return replace(make_cluster(ssh=ssh), given_key=tmp_path / mine if mine else None)

    return made


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """What Terraform applied last."""
    return lambda said: monkeypatch.setattr(workflow, "recorded", lambda *_: said)


def test_a_new_cluster_has_the_key_of_whoever_makes_it(
    cluster_of: Callable[..., Cluster], recorded: Callable[[str | None], None]
) -> None:
    recorded(None)
    cluster = cluster_of(None)
    assert launch_key(cluster, "b") == own_key(cluster)


def test_whoever_comes_later_does_not_change_it(
    cluster_of: Callable[..., Cluster], recorded: Callable[[str | None], None]
) -> None:
    recorded("ssh-ed25519 AAAA first")
    cluster = cluster_of(None)
    assert launch_key(cluster, "b") == "ssh-ed25519 AAAA first"
    assert not cluster.key.exists(), "none is made for a cluster that would not know it"
    with pytest.raises(ConfigError, match="no SSH key of yours") as caught:
        own_key(cluster)
    assert "ssh.operators" in str(caught.value.fix)


def test_with_operators_it_is_the_first_of_them_for_everybody(
    cluster_of: Callable[..., Cluster],
    recorded: Callable[[str | None], None],
    key: Callable[[str], str],
) -> None:
    recorded("ssh-ed25519 AAAA first")
    operators = {"alice": key("alice"), "bob": key("bob")}
    for mine in ("alice", "bob"):
        assert launch_key(cluster_of(mine, **operators), "b") == operators["alice"]


def test_nobody_locks_himself_out(
    cluster_of: Callable[..., Cluster], key: Callable[[str], str]
) -> None:
    alice, carol = key("alice"), key("carol")
    refuse_lockout(cluster_of("carol"))
    refuse_lockout(cluster_of("carol", alice=alice, carol=f"{carol} another comment"))
    with pytest.raises(Refused, match="you would lock yourself out") as caught:
        refuse_lockout(cluster_of("carol", alice=alice))
    assert carol in str(caught.value.fix)
