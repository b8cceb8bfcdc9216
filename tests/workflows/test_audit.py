"""The audit log as operators meet it: entries of commands, the log verified, its head in S3.

A real controller writes the log, a real S3 API holds heads, and what would run on a manager runs
here: the same words, by this machine's shell.
"""

import json
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer

from beeyard.audit import head as heads
from beeyard.audit.chain import entries
from beeyard.audit.entry import Entry, Head, Who
from beeyard.cli.audit import report
from beeyard.cli.options import Options
from beeyard.cloud import state_bucket
from beeyard.controller.audit import Audit
from beeyard.controller.audit_inbox import Inbox
from beeyard.errors import AppError, BeeyardError, ConfigError, Refused, UnverifiedError
from beeyard.process import Command, Completed, LineHandler, LocalRunner
from beeyard.secret import Secret
from beeyard.waiting import SystemClock, wait_until
from beeyard.workflows import Cluster
from beeyard.workflows import audit as workflow
from beeyard.workflows.audit import Change, fetch, keep_head, leave, noted, verify_log
from beeyard.workflows.ci import Api
from beeyard.workflows.hosts import Hosts
from cloud.example import at, outputs
from cloud.moto import Moto
from controller.serving import ADMIN, Controller, controller
from workflows.hosts_of import hosts_of

MakeCluster = Callable[..., Cluster]
ME = Who("olga", "admin", "cli")
LOG = "fs-1"


class Here(LocalRunner):
    """Does what SSH would have done as root on a manager, here."""

    def run(
        self, command: Command, *, check: bool = True, on_line: LineHandler | None = None
    ) -> Completed:
        if command.argv[0] == "ssh":
            argv = shlex.split(command.argv[-1])
            assert argv[:2] == ["sudo", "-n"]
            command = replace(command, argv=argv[2:])
        return super().run(command, check=check, on_line=on_line)


@dataclass
class Fenced:
    epoch: int = 1

    def check(self) -> None:
        pass

    def give_up(self, why: str, /) -> None:
        raise AssertionError(why)


@dataclass
class Yard:
    """A cluster that is this machine: its shared files below `efs`."""

    efs: Path
    hosts: Hosts
    warnings: list[str] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return self.hosts.cluster

    @property
    def ci(self) -> Path:
        return self.efs / "infra/ci"

    @property
    def bucket(self) -> str:
        return state_bucket.name("shop", self.cluster.aws.account(), self.cluster.spec.region)

    def noted(self, change: Change) -> Any:
        return noted(self.cluster, change, self.warnings.append)

    def left(self) -> list[dict[str, Any]]:
        """What waits in the inbox, the oldest first."""
        return [json.loads(one.read_text()) for one in sorted((self.ci / "audit/inbox").iterdir())]

    def kept(self) -> list[Head]:
        return heads.all_kept(self.cluster.aws, self.bucket, LOG)


@pytest.fixture
def make_yard(make_cluster: MakeCluster, tmp_path: Path) -> Callable[..., Yard]:
    def make(**more: Any) -> Yard:
        efs = tmp_path / "efs"
        sections = {"infrastructure": ["ci"], "efs": {"path": str(efs)}}
        cluster = replace(make_cluster(**(sections | more)), runner=Here())
        hosts = hosts_of(cluster, outputs(), tmp_path, tmp_path / "ssh_config")
        cluster.provision_folder.mkdir(parents=True, exist_ok=True)
        (cluster.provision_folder / "ssh_config").touch()
        (efs / "infra/ci").mkdir(parents=True)
        return Yard(efs, hosts)

    return make


@pytest.fixture
def yard(make_yard: Callable[..., Yard]) -> Yard:
    return make_yard()


def test_an_entry_comes_into_the_log(yard: Yard) -> None:
    entry = Entry(
        ME, "deploy", "shop", details={"release": 7, "it's": Secret("hush"), "odd": "'$("}
    )
    name = leave(yard.hosts.manager, str(yard.ci), entry)
    inbox = yard.ci / "audit/inbox"
    assert [one.name for one in inbox.iterdir()] == [name]
    assert ((inbox / name).stat().st_mode & 0o777, inbox.stat().st_mode & 0o777) == (0o600, 0o700)
    assert Inbox(yard.ci / "audit", Audit.open(yard.ci / "audit", Fenced())).take() == 1
    said = list(entries(yard.ci / "audit"))[-1]
    assert (said["user"], said["via"], said["what"], said["on"]) == (
        "olga",
        "cli",
        "deploy",
        "shop",
    )
    assert said["details"] == {"release": 7, "it's": "***", "odd": "'$("}
    assert said["at"] == entry.at.isoformat()


def test_without_the_shared_files_nothing_is_written_in_their_place(yard: Yard) -> None:
    yard.ci.rmdir()
    with pytest.raises(BeeyardError):
        leave(yard.hosts.manager, str(yard.ci), Entry(ME, "deploy", "shop"))
    assert not yard.ci.exists()


def test_a_change_leaves_what_came_of_it(yard: Yard) -> None:
    change = Change("deploy", "timeoff")
    with yard.noted(change):
        change.details["release"] = 3
    with pytest.raises(AppError), yard.noted(Change("up")):
        raise AppError("it does not build")
    with pytest.raises(KeyboardInterrupt), yard.noted(Change("rebalance")):
        raise KeyboardInterrupt
    done, failed, stopped = yard.left()
    assert (done["what"], done["on"], done["outcome"]) == ("deploy", "timeoff", "done")
    assert done["details"]["release"] == 3
    assert (failed["what"], failed["on"], failed["outcome"]) == ("up", "shop", "failed")
    assert failed["details"]["why"] == "it does not build"
    assert (stopped["outcome"], stopped["details"]["why"]) == ("failed", "KeyboardInterrupt")
    assert done["user"]
    assert yard.warnings == []


@pytest.mark.parametrize("error", [Refused("you said no"), ConfigError("no such application")])
def test_what_changed_nothing_leaves_nothing(yard: Yard, error: BeeyardError) -> None:
    with pytest.raises(type(error)), yard.noted(Change("up")):
        raise error
    assert list(yard.ci.iterdir()) == []


def test_what_failed_before_it_came_to_a_node_leaves_nothing(yard: Yard) -> None:
    (yard.cluster.provision_folder / "ssh_config").unlink()
    with pytest.raises(AppError), yard.noted(Change("up")):
        raise AppError("no credentials")
    assert list(yard.ci.iterdir()) == []
    assert yard.warnings == []


def test_a_cluster_without_a_controller_has_no_log(make_yard: Callable[..., Yard]) -> None:
    yard = make_yard(infrastructure=[])
    with yard.noted(Change("up")):
        pass
    assert list(yard.ci.iterdir()) == []
    assert yard.warnings == []


def test_a_change_whose_entry_cant_be_left_stands(yard: Yard) -> None:
    yard.ci.rmdir()
    did = []
    with yard.noted(Change("scale", "timeoff")):
        did.append("it")
    assert did == ["it"]
    (warning,) = yard.warnings
    assert warning.startswith("the audit log has no entry of this: ")
    assert "infra/ci" in warning


def test_the_log_arrives_as_it_is(yard: Yard, tmp_path: Path) -> None:
    folder, copy = yard.ci / "audit", tmp_path / "copy"
    copy.mkdir()
    written = Audit.open(folder, Fenced(), full=600)
    for number in range(20):
        written.append(Entry(ME, "scale", f"shop/{number}"))
    (folder / "inbox").mkdir()
    (folder / "link.jsonl").symlink_to("/etc/passwd")
    fetch(yard.hosts.manager, str(yard.ci), copy)
    here = {one.name: one.read_bytes() for one in folder.glob("0*.jsonl")}
    assert len(here) > 3
    assert {one.name: one.read_bytes() for one in copy.iterdir()} == here
    written.close()


def test_a_log_that_cant_be_read_is_said(yard: Yard, tmp_path: Path) -> None:
    with pytest.raises(UnverifiedError, match="the audit log can't be read") as raised:
        fetch(yard.hosts.manager, str(yard.ci), tmp_path)
    assert "No such file" in str(raised.value.why)
    (yard.ci / "audit").mkdir()
    (yard.ci / "audit/strange.jsonl").write_text("{}\n")
    with pytest.raises(UnverifiedError, match="did not arrive whole"):
        fetch(yard.hosts.manager, str(yard.ci), tmp_path)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    with controller(tmp_path_factory.mktemp("controller")) as made:
        yield made


@pytest.fixture
def served(
    make_yard: Callable[..., Yard],
    running: Controller,
    moto: Moto,
    monkeypatch: pytest.MonkeyPatch,
) -> Yard:
    """A cluster with a controller, whose TLS is put aside, and a bucket."""
    yard = make_yard(target=at(moto.endpoint))
    yard.ci.rmdir()
    yard.ci.symlink_to(running.folder / "data")
    state_bucket.ensure(yard.cluster.aws, yard.bucket)

    @contextmanager
    def opened(_: Hosts) -> Iterator[Api]:
        headers = {"Authorization": f"Bearer {ADMIN}"}
        with httpx.Client(headers=headers, trust_env=False) as client:
            yield Api(client, "ci.shop.example.com", httpx.URL(running.url))

    monkeypatch.setattr(workflow, "open_api", opened)
    return yard


def away(_: Hosts) -> Any:
    raise UnverifiedError("ci.shop.example.com does not answer")


def cut_off(yard: Yard, lines: int) -> None:
    """Put a copy of the log in its place, without its last entries."""
    copy = yard.efs / "copy"
    shutil.copytree(yard.ci / "audit", copy / "audit")
    newest = max((copy / "audit").glob("*.jsonl"))
    newest.write_text("".join(newest.read_text().splitlines(keepends=True)[:-lines]))
    yard.ci.unlink()
    copy.rename(yard.ci)


def change_users(running: Controller) -> None:
    """Two entries more."""
    with running.api() as api:
        assert api.put("/api/users/ada", json={"role": "viewer"}).is_success
        assert api.delete("/api/users/ada").is_success


def test_a_log_that_is_well_has_its_head_kept(served: Yard, running: Controller) -> None:
    change_users(running)
    found = verify_log(served.hosts)
    assert (found.ok, found.heads, found.unkept) == (True, 0, "")
    assert found.kept == found.chain.head
    assert served.kept() == [found.kept]
    assert verify_log(served.hosts).heads == 1
    assert served.kept() == [found.kept]
    change_users(running)
    assert keep_head(served.hosts).entries == found.chain.head.entries + 2
    assert keep_head(served.hosts) == served.kept()[0]
    again = verify_log(served.hosts)
    assert (again.ok, again.heads) == (True, 2)


def test_what_a_command_left_is_in_the_log_a_little_later(
    served: Yard, running: Controller
) -> None:
    with served.noted(Change("node.drain", "worker-1")):
        pass

    def arrived() -> bool:
        with running.api() as api:
            newest = api.get("/api/audit", params={"limit": 1}).json()[0]
        return bool(newest["what"] == "node.drain" and newest["on"] == "worker-1")

    wait_until(arrived, clock=SystemClock(), deadline=15, interval=0.1)
    # It is taken away when the log has it, so a moment later.
    wait_until(lambda: served.left() == [], clock=SystemClock(), deadline=15, interval=0.1)
    assert verify_log(served.hosts).ok


def test_a_log_that_was_cut_is_found_out(
    served: Yard, running: Controller, capsys: pytest.CaptureFixture[str]
) -> None:
    change_users(running)
    head = keep_head(served.hosts)
    cut_off(served, 2)
    found = verify_log(served.hosts)
    assert not found.ok
    assert found.chain.problems[0].what == f"2 entries are gone: there were {head.entries}"
    assert (found.kept, served.kept()) == (None, [head])
    with pytest.raises(typer.Exit) as left:
        report(Options(), found)
    assert left.value.exit_code == 10
    said = capsys.readouterr().out
    assert f"{head.entries - 2} entries, compared with 1 of its heads in S3: not as it was" in said
    assert f"entry {head.entries - 1}: 2 entries are gone" in said
    with pytest.raises(typer.Exit):
        report(Options(json=True), found)
    as_json = json.loads(capsys.readouterr().out)
    assert (as_json["ok"], as_json["problems"][0]["entry"]) == (False, head.entries - 1)


def test_a_cut_shows_also_where_the_controller_does_not_answer(
    served: Yard, running: Controller, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_users(running)
    keep_head(served.hosts)
    monkeypatch.setattr(workflow, "open_api", away)
    well = verify_log(served.hosts)
    assert (well.ok, well.kept) == (True, None)
    assert well.unkept == "ci.shop.example.com does not answer"
    cut_off(served, 1)
    assert not verify_log(served.hosts).ok


def test_no_head_is_kept_of_another_log(served: Yard) -> None:
    longer = Head(10_000, "a" * 64)
    heads.keep(served.cluster.aws, served.bucket, LOG, longer)
    with pytest.raises(UnverifiedError, match="not the one whose head is in S3"):
        keep_head(served.hosts)
    assert served.kept() == [longer]
    assert not verify_log(served.hosts).ok
