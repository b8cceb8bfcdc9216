"""One at a time changes a cluster, and tidies up after those who died, in a real S3 API."""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from beeyard.cloud import ClusterHeld, state_bucket
from beeyard.cloud.cluster_lock import KEY, look
from beeyard.errors import CloudError
from beeyard.holder import Holder
from beeyard.process import Command, LocalRunner
from beeyard.process_file import is_written
from beeyard.workflows import Cluster, Event
from beeyard.workflows.alone import alone
from cloud.example import at
from cloud.moto import Moto

BUCKET = "beeyard-shop-123456789012-eu-central-1"
ME = Holder.me("up")
DEAD = replace(ME, started="1")
LOST = replace(ME, host="lost", boot="")


@dataclass
class StubCloud:
    """A bucket, and projects of which Terraform may be at work."""

    cluster: Cluster
    folders: dict[str, Path] = field(default_factory=dict)
    bucket: str = BUCKET
    laid_out: list[bool] = field(default_factory=list)

    @property
    def terraform(self) -> "StubCloud":
        return self

    def is_at_work(self, folder: Path) -> bool:
        return is_written(folder / "output")

    def has_bucket(self) -> bool:
        return state_bucket.exists(self.cluster.aws, self.bucket)

    def lay_out(self) -> None:
        """Notes whether the lock was held."""
        self.laid_out.append(look(self.cluster.aws.client("s3"), BUCKET) is not None)


@pytest.fixture
def cluster(moto: Moto, make_cluster: Callable[..., Cluster]) -> Cluster:
    return make_cluster(at(moto.endpoint))


def cloud(cluster: Cluster, *folders: Path) -> Any:
    return StubCloud(cluster, {folder.name: folder for folder in folders})


def put(cluster: Cluster, key: str, said: object) -> None:
    state_bucket.ensure(cluster.aws, BUCKET)
    body = json.dumps(said).encode()
    cluster.aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def left_by(cluster: Cluster, holder: Holder) -> str:
    """What a holder leaves who died while Terraform applied; the key of Terraform's lock."""
    put(cluster, KEY, {"holder": asdict(holder), "beat": 3, "gone": []})
    key = "efs/terraform.tfstate.tflock"
    who = f"{holder.who}@{holder.host}"
    lock = {"Who": who, "Operation": "OperationTypeApply", "Created": "2099-01-01T00:00:00.5Z"}
    put(cluster, key, lock)
    return key


def there(cluster: Cluster, key: str) -> bool:
    found = cluster.aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=key)
    return int(found["KeyCount"]) > 0


def test_it_is_held_within_and_the_bucket_made(cluster: Cluster, events: list[Event]) -> None:
    with alone(cluster, cloud(cluster), "up"):
        found = look(cluster.aws.client("s3"), BUCKET)
        assert found is not None
        assert found.holder.doing == "up"
    assert look(cluster.aws.client("s3"), BUCKET) is None
    assert [(one.phase, one.text) for one in events if one.state == "done"] == [("lock", "held")]


def test_the_projects_are_laid_out_by_who_holds_it_alone(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another is at work with is not changed under its hands."""
    monkeypatch.setattr("beeyard.cloud.cluster_lock.BEATS", 0.02)
    refused, first = cloud(cluster), cloud(cluster)
    patient = replace(cluster, clock=_Patient(cluster.clock))
    with alone(cluster, first, "up"):
        with pytest.raises(ClusterHeld), alone(patient, refused, "down"):
            pass
        assert first.laid_out == [True]
    assert refused.laid_out == []


def test_no_phase_begins_once_it_is_lost(cluster: Cluster) -> None:
    with alone(cluster, cloud(cluster), "up"):
        with cluster.progress.phase("first"):
            pass
        cluster.clock.sleep(1000)
        with (
            pytest.raises(CloudError, match="the lock of shop is lost"),
            cluster.progress.phase("second"),
        ):
            pass
    with cluster.progress.phase("after it"):
        pass


def test_a_second_one_is_refused(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("beeyard.cloud.cluster_lock.BEATS", 0.02)
    with (
        alone(cluster, cloud(cluster), "up"),
        pytest.raises(ClusterHeld),
        alone(replace(cluster, clock=_Patient(cluster.clock)), cloud(cluster), "down"),
    ):
        pass


def test_what_the_dead_left_is_removed(cluster: Cluster, events: list[Event]) -> None:
    key = left_by(cluster, DEAD)
    with alone(cluster, cloud(cluster), "up"):
        assert not there(cluster, key)
    said = [one.text for one in events if one.phase == "lock"]
    assert f"took over from {DEAD}, which is gone" in said
    assert said[-1] == f"taken over from {DEAD}"
    assert any(text.startswith(f"removed a lock that was left behind: {key}") for text in said)


def test_of_a_machine_that_is_only_silent_nothing_is_removed(cluster: Cluster) -> None:
    """Its Terraform may be at work."""
    key = left_by(cluster, LOST)
    with alone(cluster, cloud(cluster), "up"):
        assert there(cluster, key)
    put(cluster, KEY, {"holder": asdict(LOST), "beat": 3, "gone": []})
    with alone(cluster, cloud(cluster), "up", unlock=True):
        assert not there(cluster, key)


def test_terraform_that_outlived_its_up_is_waited_for(
    cluster: Cluster, events: list[Event], tmp_path: Path
) -> None:
    folder = tmp_path / "efs"
    folder.mkdir()
    go = folder / "go"
    wait = f"import time, pathlib\nwhile not pathlib.Path('{go}').exists(): time.sleep(0.02)"
    runner = LocalRunner()
    running = runner.start(Command([sys.executable, "-c", wait], output=folder / "output"))
    try:
        clock = _Then(cluster.clock, go.touch)
        with alone(replace(cluster, clock=clock), cloud(cluster, folder), "up"):
            assert not is_written(folder / "output")
    finally:
        running.stop()
    said = [one.text for one in events if one.state == "said"]
    assert said == ["a run that was killed left Terraform at work: waiting for it (efs)"]


@dataclass
class _Then:
    """A clock at whose first sleep something happens; it sleeps a moment for real."""

    clock: Any
    happens: Callable[[], object]

    def monotonic(self) -> float:
        return float(self.clock.monotonic())

    def sleep(self, _: float) -> None:
        self.happens()
        LocalRunner().run(Command(["sleep", "0.1"]))


@dataclass
class _Patient(_Then):
    """One that lets others go on."""

    happens: Callable[[], object] = lambda: None
