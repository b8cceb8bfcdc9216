"""What `eject` writes, and that it is whole or not there."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.apps.bundle import Bundle
from beeyard.apps.release import Origin, Release, Verdict
from beeyard.apps.releases import Entry, Releases
from beeyard.cloud.api import Account, Aws
from beeyard.errors import ConfigError, Refused, ToolError
from beeyard.inventory import Controller
from beeyard.swarm import Service, Snapshot
from beeyard.workflows import Cluster, Event, schedule
from beeyard.workflows import eject as workflow
from beeyard.workflows.eject import eject
from beeyard.workflows.hosts import Hosts
from beeyard.workflows.keys import public_key
from cloud.example import outputs

NOW = datetime(2030, 1, 1, tzinfo=UTC)
TEXT = "version: '3.8'\nservices:\n  web:\n    image: web@sha256:0\n    env_file: [conf/web.env]\n"
HASH = "$2b$12$" + "a" * 53
SECTIONS: dict[str, Any] = {
    "infrastructure": ["registry", "ci"],
    "ingress": {"acme": {"email": "ops@example.com"}, "dashboard_users": {"ada": HASH}},
    "database": {"engine": "mariadb", "version": "10.11"},
    "applications": {"shop": {"path": ".", "secrets": {"mail_key": "env:MAIL"}}},
}
#: Python that would need beeyard. The controller's service is beeyard: it names its own modules.
NEEDS_US = re.compile(r"^\s*(?:import|from)\s+beeyard\b|-m,? beeyard(?!\.controller\b)", re.M)


def release(files: dict[str, str]) -> Release:
    return Release("shop", 4, Bundle(TEXT, {}, files), {}, (), (), Origin("somebody", NOW, None))


def running(name: str, image: str) -> Service:
    labels = {"com.docker.stack.image": image}
    return Service(
        *("s", name, name.partition("_")[0], f"{image}@sha256:1", "replicated", 3, (), None, "vip"),
        *((), (), False, (), labels, 1, "abc"),
    )


@pytest.fixture
def files() -> dict[str, str]:
    """The environment files of the release."""
    return {"conf/web.env": "A=1\n"}


@pytest.fixture
def cluster(
    make_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch, files: dict[str, str]
) -> Cluster:
    monkeypatch.setenv("MAIL", "hush")
    made = make_cluster(**SECTIONS)
    public_key(made.key, own=True)
    services = (running("ci_controller", "ci:runs"), running("shop_web", "web"))
    snapshot = Snapshot(NOW, (), services, (), (), ())

    @contextmanager
    def swarm(_: Hosts) -> Iterator[None]:
        yield None

    seen = workflow._Seen(snapshot, {"shop": release(files)}, {"blog": "none has succeeded"})
    monkeypatch.setattr(Aws, "account", lambda _: Account("123456789012", "arn:aws:iam::1:root"))
    monkeypatch.setattr(workflow, "read_outputs", lambda _: outputs())
    monkeypatch.setattr(schedule, "controller_of", lambda _: Controller("ci:ours", ("a key",)))
    monkeypatch.setattr(schedule, "fetch", lambda *_: None)
    monkeypatch.setattr(workflow, "launch_key", lambda *_: public_key(made.key, own=False))
    monkeypatch.setattr(Hosts, "swarm", swarm)
    monkeypatch.setattr(workflow, "_look", lambda *_: seen)
    return made


def texts(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_everything_is_there(cluster: Cluster, tmp_path: Path) -> None:
    done = eject(cluster, tmp_path / "deep/plain")
    found = texts(tmp_path / "deep/plain")
    assert (done.folder, set(done.files)) == (str(tmp_path / "deep/plain"), set(found))
    assert done.projects == ("elastic_ips", "swarm_cluster", "efs", "database")
    assert (done.applications, done.skipped) == ({"shop": 4}, {"blog": "none has succeeded"})
    assert set(found) >= {
        "README.md",
        "terraform/environment",
        *(f"terraform/projects/{name}/backend.json" for name in done.projects),
        *("ansible/deploy.yml", "ansible/ansible.cfg", "ansible/ssh_config"),
        *("ansible/inventory/hosts.yml", "ansible/inventory/group_vars/nodes.yml"),
        *("stacks/shop/stack.yml", "stacks/shop/conf/web.env"),
    }
    assert "replicas: 3" in found["stacks/shop/stack.yml"]
    assert sorted(path.name for path in (tmp_path / "deep").iterdir()) == ["plain"]


def test_nothing_of_it_is_secret_or_needs_beeyard(cluster: Cluster, tmp_path: Path) -> None:
    key = cluster.key.read_text()
    eject(cluster, tmp_path / "plain")
    for name, text in texts(tmp_path / "plain").items():
        assert not NEEDS_US.search(text), name
        for secret in (HASH, "hush", key):
            assert secret not in text, name


def test_what_would_need_beeyard_is_found() -> None:
    assert NEEDS_US.search("import os\n  from beeyard.secret import Secret\n")
    assert NEEDS_US.search("python -m beeyard.cli")


def test_the_controllers_image_is_the_one_that_runs(cluster: Cluster, tmp_path: Path) -> None:
    eject(cluster, tmp_path / "plain")
    variables = (tmp_path / "plain/ansible/inventory/group_vars/nodes.yml").read_text()
    assert "image: ci:runs\n" in variables


def test_the_readme_tells_how(cluster: Cluster, tmp_path: Path) -> None:
    eject(cluster, tmp_path / "plain")
    text = (tmp_path / "plain/README.md").read_text()
    for needed in (
        "`elastic_ips`, then `swarm_cluster`, then `efs` and `database`",
        "terraform init -backend-config=backend.json",
        "beeyard-shop-123456789012-eu-central-1",
        "TF_VAR_initial_password",
        "ansible-playbook deploy.yml",
        "`mail_key`: by the variable `app_files_given`",
        "infra_stack_dashboard_users",
        "docker stack deploy --with-registry-auth -c stack.yml APPLICATION",
        "the stack `ci` is beeyard itself",
        str(cluster.key),
    ):
        assert needed in text, needed
    assert len(text.splitlines()) < 140


def test_an_empty_folder_is_filled(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    eject(cluster, tmp_path / "plain")
    assert (tmp_path / "plain/README.md").is_file()
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("what", ["file", "full", "here", "dangling"])
def test_what_is_there_stays(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    folder = tmp_path / "plain"
    match what:
        case "file":
            folder.write_text("mine")
        case "full":
            folder.mkdir()
            (folder / "mine").touch()
        case "here":
            folder.mkdir()
            monkeypatch.chdir(folder)
        case _:
            folder.symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(Refused) as caught:
        eject(cluster, folder)
    assert caught.value.fix
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../../outside", "/etc/outside"])
def test_a_file_that_would_lie_elsewhere_is_refused_and_nothing_is_left(
    cluster: Cluster, tmp_path: Path, files: dict[str, str], name: str
) -> None:
    files[name] = "x"
    with pytest.raises(Refused, match="not below its folder"):
        eject(cluster, tmp_path / "out/plain")
    assert list((tmp_path / "out").iterdir()) == []


def test_where_nothing_can_be_written_it_says_so(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ToolError) as caught:
        eject(cluster, tmp_path / "file/plain")
    assert caught.value.fix


def test_without_the_key_nothing_is_written(cluster: Cluster, tmp_path: Path) -> None:
    cluster.key.unlink()
    with pytest.raises(ConfigError, match="there is no SSH key of yours"):
        eject(cluster, tmp_path / "plain")
    assert not (tmp_path / "plain").exists()


def test_the_release_that_serves_is_written_whatever_is_on_its_way(
    make_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch, events: list[Event]
) -> None:
    good, bad = Verdict("succeeded", NOW), Verdict("failed", NOW)
    kept = {
        "blog": [Entry(release({}), "switching", bad)],
        "shop": [
            Entry(release({}), "verified", good),
            Entry(replace(release({}), number=5), "switching", None),
        ],
    }
    snapshot = Snapshot(NOW, (), (), (), (), ())
    manager: Any = SimpleNamespace(client=None, snapshot=lambda: snapshot)
    monkeypatch.setattr(workflow, "applications", lambda _: sorted(kept))
    monkeypatch.setattr(Releases, "all", lambda self: kept[self.application])
    with make_cluster().progress.phase("applications") as phase:
        seen = workflow._look(manager, phase)
    assert {name: one.number for name, one in seen.releases.items()} == {"shop": 4}
    assert seen.skipped == {"blog": "none of its releases has succeeded"}
    assert any("release 5 has not ended" in event.text for event in events)
