"""authorized_keys with a key more, and a key less; what is kept on the way."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.cloud import Outputs
from beeyard.cloud.api import Account
from beeyard.cloud.nodes import PROJECT
from beeyard.cloud.terraform import Change, Plan
from beeyard.private import private_folder
from beeyard.workflows import Cluster, operators
from beeyard.workflows import rotate_ssh as workflow
from beeyard.workflows.keys import public_key
from beeyard.workflows.rotate_ssh import _end_swap, rotate_ssh_key, with_key, without_key
from cloud.example import MANAGER, WORKERS, outputs

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


def test_half_a_key_that_was_cut_short_takes_no_place(tmp_path: Path) -> None:
    """The public half is written first: without the private one it is of no use."""
    current, made = tmp_path / "id", tmp_path / "id.next"
    mine = public_key(current, own=True)
    public_key(made, own=True)
    made.unlink()
    _end_swap(current, made, None)
    assert public_key(current, own=False) == mine


@dataclass
class Nodes:
    """What signs in to them, and who they are: without machines. `coming`: there once the lock is
    held."""

    text: str
    there: Outputs = field(default_factory=lambda: outputs(nodes=(MANAGER,)))
    coming: Outputs | None = None
    seen: list[Outputs] = field(default_factory=list)

    account = SimpleNamespace(id="1")

    def outputs(self) -> Outputs:
        return self.there

    def open_hosts(self, _: Cluster, there: Outputs) -> Any:
        self.seen.append(there)
        named = [SimpleNamespace(name=one.name) for one in there.nodes]
        return SimpleNamespace(inventory=SimpleNamespace(hosts=named))

    def change(self, _: Cluster, __: Any, ___: str, change: Callable[[str], str]) -> None:
        self.text = change(self.text)

    @contextmanager
    def alone(self, *_: object) -> Iterator[None]:
        self.there = self.coming or self.there
        yield


@pytest.fixture
def mine(make_cluster: Callable[..., Cluster], tmp_path: Path) -> Cluster:
    """A cluster that a key of the operator's own signs in to."""
    made = replace(make_cluster(), given_key=tmp_path / "mine")
    private_folder(made.folder)
    public_key(tmp_path / "mine", own=True)
    return made


@pytest.fixture
def nodes(mine: Cluster, monkeypatch: pytest.MonkeyPatch) -> Nodes:
    made = Nodes(f"{public_key(mine.key, own=False)}\n")
    for name, put in {
        "open_cloud": lambda _, launch=None: made,
        "fetch": lambda *_: None,
        "alone": made.alone,
        "open_hosts": made.open_hosts,
        "_change_nodes": made.change,
    }.items():
        monkeypatch.setattr(workflow, name, put)
    return made


def change_over(cluster: Cluster, to: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Change over to another key, past the proof and EC2's key pair; gives the new public key."""

    def bring_in(cluster: Cluster, hosts: Any, new: str, _: Path) -> None:
        workflow._change_nodes(cluster, hosts, "add", lambda text: with_key(text, new))

    monkeypatch.setattr(workflow, "_bring_in", bring_in)
    new = public_key(to, own=True)
    rotate_ssh_key(cluster, lambda _: None, to=to, file=cluster.base / "beeyard.yml")
    return new


def test_nodes_that_came_before_the_lock_was_had_get_the_key_too(
    mine: Cluster, nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.coming = outputs(nodes=(MANAGER, WORKERS[0]))
    new = change_over(mine, tmp_path / "next", monkeypatch)
    assert nodes.text == f"{new}\n"
    assert nodes.seen == [nodes.coming, nodes.coming]


@dataclass
class KeyPair:
    """EC2's key pair, as Terraform has it."""

    key: str

    def open_cloud(self, _: Cluster, launch: str) -> Any:
        plan = Plan(PROJECT, (Change(workflow._KEY_PAIR, "replace"),), pending=True)

        def apply(_: Path, on_line: object) -> None:
            self.key = launch

        terraform = SimpleNamespace(init=lambda _: None, plan=lambda _: plan, apply=apply)
        return SimpleNamespace(folders={PROJECT: Path()}, terraform=terraform, lay_out=lambda: None)


@pytest.mark.parametrize("launched_with", ["mine", "another's"])
def test_the_key_pair_changes_with_the_key_that_it_holds_alone(
    mine: Cluster,
    nodes: Nodes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    launched_with: str,
) -> None:
    """Without `operators`, whoever made the cluster goes on being let in by new nodes."""
    own, another = public_key(mine.key, own=False), public_key(tmp_path / "another", own=True)
    pair = KeyPair(own if launched_with == "mine" else another)
    vars(mine)["account"] = Account("123456789012", "arn")
    monkeypatch.setattr(operators, "recorded", lambda *_: pair.key)
    monkeypatch.setattr(workflow, "_prove", lambda *_: None)
    monkeypatch.setattr(workflow, "open_cloud", pair.open_cloud)
    new = public_key(tmp_path / "next", own=True)
    there: Any = nodes.open_hosts(mine, nodes.there)
    workflow._bring_in(mine, there, new, tmp_path / "next")
    assert nodes.text.splitlines() == [own, new]
    assert pair.key == (new if launched_with == "mine" else another)


def test_what_was_left_of_the_last_change_does_not_block_the_next(
    mine: Cluster, nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was cut short before the key that it replaced was gone, and its new one is in use."""
    old = public_key(tmp_path / "old", own=True)
    nodes.text += f"{old}\n"
    note = mine.folder / "replaced.pub"
    note.write_text(old)
    new = change_over(mine, tmp_path / "next", monkeypatch)
    assert nodes.text == f"{new}\n"
    assert not note.exists()


def test_a_change_that_was_cut_short_ends_when_it_is_run_again(
    mine: Cluster, nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the key that it began with, and with the new one."""
    old, new = public_key(mine.key, own=False), public_key(tmp_path / "next", own=True)
    for key in (mine.key, tmp_path / "next"):
        nodes.text = f"{old}\n{new}\n"
        (mine.folder / "replaced.pub").write_text(old)
        change_over(replace(mine, given_key=key), tmp_path / "next", monkeypatch)
        assert nodes.text == f"{new}\n"
        assert not (mine.folder / "replaced.pub").exists()
