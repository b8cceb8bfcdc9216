"""Backups as commands take, try and restore them: a real S3 API, and what nodes would say."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from backup.example import NOW, manifest
from beeyard.backup import KINDS, Place, Store
from beeyard.backup.keys import wrap
from beeyard.cloud import state_bucket
from beeyard.errors import CloudError, ConfigError, HostError, Refused, UnverifiedError
from beeyard.inventory import Host, Inventory
from beeyard.process import Command, CommandFailed, Completed, LineHandler
from beeyard.provision import ProvisionFiles
from beeyard.secret import Secret
from beeyard.workflows import backups as workflow
from beeyard.workflows import raft
from beeyard.workflows.backup_parts import Described, database_settings
from beeyard.workflows.backup_words import Unchanged
from beeyard.workflows.backups import Backups, Reader, readers
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.keys import public_key
from cloud.example import at, outputs, spec
from cloud.moto import Moto
from workflows.conftest import MakeCluster

FACTS = {"shop.orders": {"count": 3, "digest": "aa"}}
IDENTITY = "AGE-SECRET-KEY-1EXAMPLE"
SECTIONS: dict[str, Any] = {
    "database": {},
    "applications": {"my-shop": {"path": ".", "database": True}, "blog": {"path": "."}},
}


class Node:
    """Says what the nodes' program would; `facts` by what is asked, `code` where it fails."""

    def __init__(self) -> None:
        self.facts: dict[str, Any] = dict.fromkeys(("take", "read", "verify", "restore"), FACTS)
        self.code: dict[str, int] = {}
        self.asked: list[str] = []
        self.jobs: list[dict[str, Any]] = []
        self.versions: dict[str, str] = {}
        #: Told what is asked, as it is.
        self.tell: list[str] = []
        self.argv: list[str] = []

    def run(
        self, command: Command, *, check: bool = True, on_line: LineHandler | None = None
    ) -> Completed:
        found = re.search(r"/usr/local/lib/beeyard/backup (\w+)$", command.argv[-1])
        assert found is not None, command
        what = found[1]
        self.asked.append(what)
        self.tell.append(what)
        self.argv += command.argv
        job = json.loads(command.input or b"")
        self.jobs.append(job)
        code = self.code.get(f"{what} {job['kind']}", self.code.get(what, 0))
        answer = self._taken(job) if what == "take" and not code else {"facts": self.facts[what]}
        said = Completed(command, code, json.dumps(answer), "it is so" if code else "", 0.1)
        if check and code:
            raise CommandFailed(said)
        return said

    def _taken(self, job: dict[str, Any]) -> dict[str, Any]:
        answer = httpx.put(job["urls"][0], content=b"data")
        return {
            "etags": [answer.headers["ETag"]],
            "taken_at": NOW.isoformat(),
            "seconds": 1.0,
            "size": 4,
            "plain": 9,
            "sha256": "cc",
            "key": wrap(Secret(IDENTITY), job["readers"]),
            "facts": self.facts["take"],
            "versions": self.versions,
        }


@dataclass
class Yard:
    """The backups of a cluster, and what was done around them."""

    backups: Backups
    node: Node
    reader: Reader
    done: list[str]

    def restore(self, name: str | None = None) -> Any:
        return self.backups.restore("database", name, self.reader, lambda _: None)


@pytest.fixture
def yard(
    make_cluster: MakeCluster, moto: Moto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Yard:
    node = Node()
    runner: Any = node
    cluster = replace(make_cluster(at(moto.endpoint), **SECTIONS), runner=runner)
    public_key(cluster.key, own=True)
    state_bucket.ensure(cluster.aws, "state")
    manager = Host("manager-1", "manager", "a", "10.20.1.11", "10.20.1.11", "i-1")
    files = ProvisionFiles(tmp_path, tmp_path / "inventory.yml", tmp_path / "ssh_config")
    inventory = Inventory("shop", (manager,), cluster.ssh)
    hosts = Hosts(cluster, outputs(), inventory, files)
    done: list[str] = []
    node.tell = done

    @contextmanager
    def around(name: str, *_: object) -> Iterator[None]:
        done.append(f"{name} on")
        yield
        done.append(f"{name} off")

    monkeypatch.setattr(workflow, "alone_in", lambda _, doing: around(f"lock: {doing}"))
    monkeypatch.setattr(workflow, "behind_pages", lambda _, names, __: around(f"page: {names}"))
    store = Store(cluster.aws, "state", cluster.aws)
    return Yard(
        Backups(hosts, store, lambda: NOW), node, Reader(cluster.key, lambda _: Secret("")), done
    )


def names(yard: Yard, kinds: Sequence[Any] = KINDS) -> list[str]:
    return [one.id for one in yard.backups.store.list(kinds).backups]


def test_one_of_each_kind_is_taken(yard: Yard) -> None:
    made = yard.backups.create()
    assert [one.kind for one in made] == ["database", "files", "raft"]
    assert sorted(names(yard)) == sorted(one.id for one in made)
    assert made[0].manifest.cluster == "shop"
    assert made[0].manifest.facts["shop.orders"].count == 3


def test_nothing_secret_is_in_a_command_line(yard: Yard) -> None:
    yard.backups.create(["database"])
    yard.backups.verify("database", None, yard.reader)
    assert yard.node.jobs[-1]["identity"] == IDENTITY
    words = " ".join(yard.node.argv)
    assert IDENTITY not in words
    assert "Signature" not in words


def test_one_that_fails_leaves_nothing(yard: Yard) -> None:
    yard.node.code["take"] = 1
    with pytest.raises(HostError) as caught:
        yard.backups.create(["files"])
    assert caught.value.why == "it is so"
    assert yard.backups.store.list().leftovers == ()


def test_one_that_fails_keeps_no_other_from_being_taken(yard: Yard) -> None:
    yard.node.code["take database"] = 1
    with pytest.raises(HostError, match="not all backups could be taken") as caught:
        yard.backups.create()
    made = yard.backups.store.list().backups
    assert {one.kind for one in made} == {"files", "raft"}
    assert all(one.id in caught.value.what for one in made)
    assert "take database" in str(caught.value.why)
    assert "it is so" in str(caught.value.why)


def test_one_that_is_incomplete_is_kept_and_not_called_complete(yard: Yard) -> None:
    (complete,) = yard.backups.create(["database"])
    yard.node.versions = {"left out: blog": "a view is broken"}
    with pytest.raises(HostError, match="is incomplete: without blog") as caught:
        yard.backups.create(["database"])
    assert caught.value.why == "a view is broken"
    incomplete = next(name for name in names(yard) if name != complete.id)
    assert yard.backups.store.find("database").id == complete.id

    said: list[str] = []
    yard.node.versions = {}
    yard.backups.restore("database", incomplete, yard.reader, said.append)
    assert "which is incomplete: without blog, which stays" in said[0]
    assert yard.node.jobs[-1]["settings"]["left_out"] == ["blog"]


def test_a_larger_one_gets_more_urls(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "largest", lambda *_: 100 * 1024**3)
    yard.backups.create(["database"])
    assert len(yard.node.jobs[-1]["urls"]) == 2250


def test_a_kind_that_the_cluster_has_not_is_refused(yard: Yard, make_cluster: MakeCluster) -> None:
    without = replace(yard.backups.cluster, spec=spec())
    with pytest.raises(Refused, match="nothing of the kind database"):
        Backups(replace(yard.backups.hosts, cluster=without), yard.backups.store).create(
            ["database"]
        )


@pytest.mark.parametrize("by", ["create", "up"])
def test_those_that_are_kept_no_more_go(
    yard: Yard, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, store = yard.backups.cluster.aws.client("s3"), yard.backups.store
    for days in range(60, 0, -1):
        moment = NOW - timedelta(days=days)
        place = store.place("files", moment)
        s3.put_object(Bucket="state", Key=place.data, Body=b"data")
        store.keep(manifest(kind="files", id=place.id, taken_at=moment))
    store.begin(Place("files", "20260101T000000Z-dead"), parts=1)

    if by == "create":
        yard.backups.create(["files"])
    else:
        monkeypatch.setattr(raft, "open_backups", lambda _: yard.backups)
        raft.keep_raft(yard.backups.hosts)

    left = store.list(("files",))
    # Seven days, and of four weeks those that are not in them; what `create` took is one of them.
    assert len(left.backups) == 9
    assert left.leftovers == ()


def test_what_could_still_be_a_backup_does_not_go(yard: Yard) -> None:
    s3, store = yard.backups.cluster.aws.client("s3"), yard.backups.store
    for id_, changes in (("20260101T000000Z-0001", {}), ("20260101T000000Z-0002", {"format": 2})):
        place = Place("files", id_)
        s3.put_object(Bucket="state", Key=place.data, Body=b"data")
        store.keep(manifest(kind="files", id=id_, **changes))
    s3.put_object(Bucket="state", Key="backups/files/20260101T000000Z-0001/data.age", Body=b"x")
    yard.backups.create(["files"])
    assert [one.id[-4:] for one in store.list(("files",)).leftovers] == ["0002", "0001"]


def test_a_try_is_put_down(yard: Yard) -> None:
    yard.backups.create(["database"])
    tried = yard.backups.verify("database", None, yard.reader)
    assert tried.problems == ()
    assert yard.backups.store.find("database").state == "proved"


def test_what_differs_makes_it_bad(yard: Yard) -> None:
    yard.backups.create(["database"])
    yard.node.facts["verify"] = {"shop.orders": {"count": 2, "digest": "aa"}}
    tried = yard.backups.verify("database", None, yard.reader)
    assert tried.problems == ("shop.orders has 2 entries, not 3",)
    with pytest.raises(CloudError, match="there is no backup database that is good"):
        yard.backups.store.find("database")


@pytest.mark.parametrize(("code", "state"), [(3, "bad"), (1, "whole")])
def test_a_node_that_fails_says_nothing_about_the_backup(yard: Yard, code: int, state: str) -> None:
    yard.backups.create(["database"])
    yard.node.code["verify"] = code
    if code == 3:
        assert yard.backups.verify("database", None, yard.reader).problems == ("it is so",)
    else:
        with pytest.raises(HostError):
            yard.backups.verify("database", None, yard.reader)
    (found,) = yard.backups.store.list(("database",)).backups
    assert found.state == state


def test_it_is_put_back_after_a_look_and_a_backup_of_what_is_there(yard: Yard) -> None:
    (made,) = yard.backups.create(["database"])
    yard.done.clear()
    tried = yard.restore()
    assert tried.before in names(yard)
    assert tried.before != made.id
    assert yard.node.jobs[-1]["settings"]["putting_back"] == made.id
    # What is written between the backup of what is there and the restore would be in neither.
    assert yard.done == [
        "lock: backup restore database on",
        "read",
        "page: ('my-shop',) on",
        "take",
        "restore",
        "page: ('my-shop',) off",
        "lock: backup restore database off",
    ]


def test_a_restore_that_failed_is_run_again_with_the_same_backup(yard: Yard) -> None:
    (made,) = yard.backups.create(["database"])
    yard.node.code["restore"] = 1
    with pytest.raises(UnverifiedError) as caught:
        yard.restore()
    assert f"beeyard backup restore database {made.id}" in str(caught.value.fix)
    before = next(name for name in names(yard) if name != made.id)
    assert before in str(caught.value.fix)
    assert yard.backups.store.find("database", before).before == made.id

    yard.node.code.clear()
    assert yard.restore().backup.id == made.id
    assert yard.restore(before).backup.id == before


def test_where_nothing_can_be_kept_it_can_be_left_out(yard: Yard) -> None:
    (made,) = yard.backups.create(["database"])
    yard.node.code["take"] = 1
    yard.node.asked.clear()
    with pytest.raises(Unchanged, match="nothing was changed") as caught:
        yard.restore()
    assert f"restore database {made.id} --without-before" in str(caught.value.fix)
    assert yard.node.asked == ["read", "take"]
    assert yard.node.jobs[-1]["settings"]["may_be_gone"] is True

    said: list[str] = []
    tried = yard.backups.restore("database", None, yard.reader, said.append, keep_before=False)
    assert yard.node.asked == ["read", "take", "read", "restore"]
    assert tried.before is None
    assert said[0].endswith("what is there now is NOT backed up, and is lost")


@pytest.mark.parametrize("how", ["facts", "code"])
def test_one_that_is_not_whole_touches_nothing(yard: Yard, how: str) -> None:
    yard.backups.create(["database"])
    yard.node.asked.clear()
    if how == "facts":
        yard.node.facts["read"] = {}
    else:
        yard.node.code["read"] = 3
    with pytest.raises(UnverifiedError):
        yard.restore()
    assert yard.node.asked == ["read"]


def test_where_it_is_not_what_it_should_be_the_page_stays(yard: Yard) -> None:
    yard.backups.create(["database"])
    yard.node.facts["restore"] = {}
    with pytest.raises(UnverifiedError, match="are not what that holds") as caught:
        yard.restore()
    assert "beeyard maintenance my-shop off" in str(caught.value.fix)
    assert "page: ('my-shop',) off" not in yard.done
    assert {one.state for one in yard.backups.store.list(("database",)).backups} == {"whole"}


def test_who_says_no_has_changed_nothing(yard: Yard) -> None:
    yard.backups.create(["database"])
    yard.node.asked.clear()

    def no(what: str) -> None:
        assert "the applications' databases of shop are put back to " in what
        raise Refused("you said no")

    with pytest.raises(Refused):
        yard.backups.restore("database", None, yard.reader, no)
    assert yard.node.asked == []


def test_each_database_has_its_own_user_and_password() -> None:
    told = database_settings(Described(spec(**SECTIONS), outputs()))
    assert told["databases"] == [
        {"name": "my_shop", "password": "/etc/beeyard/secrets/my-shop_database_password"}
    ]
    assert told["scratch_image"] == "mariadb:10.11"


def test_operators_can_read_or_else_the_clusters_own_key(
    make_cluster: MakeCluster, tmp_path: Path
) -> None:
    olga = public_key(tmp_path / "olga", own=True)
    ssh = {"allowed_cidrs": ["203.0.113.0/24"], "operators": {"olga": olga}}
    cluster = make_cluster(ssh=ssh)
    # Whoever runs it has to be one of them: it is the same on every operator's machine.
    own = public_key(cluster.key, own=True)
    assert readers(cluster) == (olga,)
    assert readers(make_cluster(ssh=ssh | {"operators": {}})) == (own,)
    twice = make_cluster(ssh=ssh | {"operators": {"olga": own, "olga-too": own}})
    assert readers(twice) == (own,)


def test_a_key_that_can_t_read_is_refused(make_cluster: MakeCluster) -> None:
    cluster = make_cluster()
    public_key(cluster.key, own=True)
    cluster.key.with_name("id_ed25519.pub").write_text("ecdsa-sha2-nistp256 AAAA me\n")
    with pytest.raises(ConfigError, match="can't be encrypted to this key"):
        readers(cluster)
