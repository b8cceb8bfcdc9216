"""When `up` takes a backup of the Swarm's state: where the newest one would not be the same."""

import json
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, replace
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.backup import Fact
from beeyard.testing import FakeRunner
from beeyard.workflows import Cluster, raft
from beeyard.workflows.backup_parts import PARTS
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.raft import is_as_in
from cloud.example import node
from swarm.swarms import node as member
from swarm.swarms import swarm
from workflows.backups_of import backup
from workflows.test_lost import ONE, hosts_of

FACTS = {"service web": Fact(1, "0"), "/etc/beeyard": Fact(3, "aa")}
READERS = ("ssh-ed25519 AAAA ada@here", "ssh-ed25519 BBBB bob@there")
TWO = node("manager-2", "eu-central-1b", "10.20.5.12", "198.51.100.2")


@pytest.fixture
def would_skip(
    make_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., bool]:
    def of(
        now: Mapping[str, Fact] = FACTS, readers: Any = READERS, *nodes: Any, then: Any = FACTS
    ) -> bool:
        monkeypatch.setattr(raft, "readers", lambda _: readers)
        said = json.dumps({name: asdict(fact) for name, fact in now.items()})
        runner = FakeRunner().expect("ssh", ..., stdout=said)
        hosts = hosts_of(make_cluster(), runner, ONE, *nodes)
        return is_as_in(hosts, backup(facts=then, readers=READERS).manifest)

    return of


def test_what_is_the_same_is_not_taken_again(would_skip: Callable[..., bool]) -> None:
    assert would_skip()
    assert would_skip(readers=("ssh-ed25519 BBBB", "ssh-ed25519 AAAA ada@elsewhere"))


def test_another_operator_could_not_read_the_last_one(would_skip: Callable[..., bool]) -> None:
    assert not would_skip(readers=(*READERS, "ssh-ed25519 CCCC eve"))
    assert not would_skip(readers=READERS[:1])


def test_files_of_the_first_manager_are_part_of_it(would_skip: Callable[..., bool]) -> None:
    assert not would_skip({**FACTS, "/etc/beeyard": Fact(3, "bb")})
    assert not would_skip(then={"service web": Fact(1, "0")})


def test_of_several_managers_another_one_is_copied_which_has_none(
    would_skip: Callable[..., bool],
) -> None:
    assert would_skip({**FACTS, "/etc/beeyard": Fact(3, "bb")}, READERS, TWO)


FIRST = member("manager-1", role="manager", reachability="reachable", leader=True)
SECOND = member("manager-2", role="manager", reachability="reachable")


@pytest.mark.parametrize(
    ("managers", "taken_from"),
    [
        ((FIRST, SECOND), "manager-2"),
        ((replace(FIRST, leader=False), replace(SECOND, leader=True)), "manager-1"),
        # Nobody else can be asked: the one that leads says itself why it is not copied.
        ((FIRST, replace(SECOND, reachability="unreachable")), "manager-1"),
    ],
)
def test_of_several_managers_one_that_follows_is_copied(
    make_cluster: Callable[..., Cluster],
    monkeypatch: pytest.MonkeyPatch,
    managers: tuple[Any, ...],
    taken_from: str,
) -> None:
    seen = SimpleNamespace(snapshot=lambda: swarm(nodes=managers))
    monkeypatch.setattr(Hosts, "swarm", lambda _: nullcontext(seen))
    hosts = hosts_of(make_cluster(), FakeRunner(), ONE, TWO)
    assert PARTS["raft"].node(hosts) == taken_from
