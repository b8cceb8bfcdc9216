"""`down` where an earlier one has left a snapshot and the state bucket, in a real AWS API."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from beeyard.cloud import state_bucket
from beeyard.cloud.overrides import state_key
from beeyard.errors import Refused, render
from beeyard.workflows import Cluster, Kept, run_down
from beeyard.workflows.cloud import Cloud
from beeyard.workflows.keys import public_key
from cloud.example import at
from cloud.moto import Moto, make_database

BUCKET = "beeyard-shop-123456789012-eu-central-1"
SNAPSHOT = "shop-1-final"
LEFT = Kept(BUCKET, (SNAPSHOT,))
#: What a `destroy` leaves of a state.
EMPTY = {"version": 4, "outputs": {}, "resources": []}
FULL = EMPTY | {"outputs": {"name": {"value": "shop"}}}


class Asked(list[str]):
    """Says yes, and keeps what it was shown."""

    def __call__(self, what: str) -> None:
        self.append(what)


class AskedInVain(Asked):
    """Says no."""

    def __call__(self, what: str) -> None:
        super().__call__(what)
        raise Refused("you said no; nothing was changed")


@pytest.fixture
def left(
    moto: Moto, make_cluster: Callable[..., Cluster], tmp_path: Path
) -> Callable[..., Cluster]:
    """`left(*projects, **sections)`: a cluster of which a snapshot and the bucket are there, and
    `projects`, whose states are not empty."""

    def of(*projects: str, **sections: object) -> Cluster:
        cluster = make_cluster(at(moto.endpoint, provider_mirror=tmp_path), **sections)
        state_bucket.ensure(cluster.aws, BUCKET)
        for project in ("elastic_ips", "swarm_cluster", "efs", "database"):
            state = FULL if project in projects else EMPTY
            cluster.aws.client("s3").put_object(
                Bucket=BUCKET, Key=state_key(project), Body=json.dumps(state).encode()
            )
        rds = cluster.aws.client("rds")
        make_database(rds)
        rds.delete_db_instance(
            DBInstanceIdentifier="shop",
            SkipFinalSnapshot=False,
            FinalDBSnapshotIdentifier=SNAPSHOT,
        )
        return cluster

    return of


def there(cluster: Cluster) -> Kept:
    """What AWS still has of the cluster."""
    bucket = BUCKET if state_bucket.exists(cluster.aws, BUCKET) else None
    return Kept(bucket, tuple(cluster.aws.snapshots("shop")))


def test_without_purge_nothing_is_asked_and_all_of_it_is_listed(
    left: Callable[..., Cluster],
) -> None:
    cluster, asked = left(database={}), Asked()
    assert run_down(cluster, asked) == LEFT
    assert (asked, there(cluster)) == ([], LEFT)
    assert not cluster.folder.exists()


@pytest.fixture
def keys(tmp_path: Path) -> tuple[Path, ...]:
    """Private keys that beeyard made for the cluster, the last in the place of the first."""
    folder = tmp_path / "state"
    (folder / "terraform").mkdir(parents=True)
    (folder / "known_hosts").write_text("of machines that go\n")
    made = folder / "id_ed25519", folder / "id_ed25519.until-5d1f8e00"
    for path in made:
        public_key(path, own=True)
    return made


def test_the_keys_that_open_the_backups_stay_and_the_next_up_signs_in_with_them(
    left: Callable[..., Cluster], keys: tuple[Path, ...]
) -> None:
    cluster = left(database={})
    private = [path.read_bytes() for path in keys]
    public = public_key(cluster.key, own=False)
    kept = run_down(cluster, Asked())
    assert kept == replace(LEFT, keys=keys)
    assert str(kept).endswith(f"the SSH key {keys[0]}, the SSH key {keys[1]}")
    assert [path.read_bytes() for path in keys] == private
    assert {path.name.removesuffix(".pub") for path in cluster.folder.iterdir()} == {
        path.name for path in keys
    }
    assert public_key(cluster.key, own=cluster.makes_key) == public


def test_a_rotation_that_was_cut_short_leaves_both_halves_of_one_key(
    left: Callable[..., Cluster], keys: tuple[Path, ...]
) -> None:
    """Backups would be encrypted to a key that nobody has."""
    cluster = left()
    new = public_key(cluster.folder / "id_ed25519.next", own=True)
    (cluster.folder / "id_ed25519.next").replace(cluster.key)
    (cluster.folder / "replaced.pub").write_text(public_key(cluster.key, own=False))
    assert run_down(cluster, Asked()).keys == keys
    assert public_key(cluster.key, own=False) == new
    assert not (cluster.folder / "replaced.pub").exists()


def test_a_purge_asks_for_the_keys_and_removes_them(
    left: Callable[..., Cluster], keys: tuple[Path, ...]
) -> None:
    cluster, asked = left(), Asked()
    assert run_down(cluster, asked, purge=True) == Kept(None, ())
    (shown,) = asked
    assert shown.endswith(f"the SSH key {keys[0]}, the SSH key {keys[1]}")
    assert not cluster.folder.exists()


def test_a_purge_that_is_refused_leaves_the_keys(
    left: Callable[..., Cluster], keys: tuple[Path, ...]
) -> None:
    with pytest.raises(Refused):
        run_down(left(), AskedInVain(), purge=True)
    assert all(path.is_file() for path in keys)


def test_a_purge_asks_and_removes_both(left: Callable[..., Cluster]) -> None:
    cluster, asked = left(database={}), Asked()
    assert run_down(cluster, asked, purge=True) == Kept(None, ())
    assert asked == [f"for good: database snapshot {SNAPSHOT}, the state bucket {BUCKET}"]
    assert there(cluster) == Kept(None, ())


def test_a_purge_that_is_refused_removes_nothing(left: Callable[..., Cluster]) -> None:
    cluster, asked = left(database={}), AskedInVain()
    with pytest.raises(Refused):
        run_down(cluster, asked, purge=True)
    assert len(asked) == 1
    assert there(cluster) == LEFT
    assert cluster.folder.exists()


def test_a_purge_of_nothing_asks_nothing(
    moto: Moto, make_cluster: Callable[..., Cluster], tmp_path: Path
) -> None:
    cluster, asked = make_cluster(at(moto.endpoint, provider_mirror=tmp_path)), Asked()
    assert run_down(cluster, asked, purge=True) == Kept(None, ())
    assert asked == []


@pytest.mark.parametrize(
    ("purge", "last"),
    [
        (False, ["a last snapshot of the database is kept"]),
        (
            True,
            [
                "with every backup of it",
                f"for good: database snapshot {SNAPSHOT}, the state bucket {BUCKET}",
            ],
        ),
    ],
)
def test_a_cluster_and_what_was_left_before_are_asked_for_at_once(
    left: Callable[..., Cluster], purge: bool, last: list[str]
) -> None:
    cluster, asked = left("elastic_ips", "swarm_cluster"), AskedInVain()
    with pytest.raises(Refused):
        run_down(cluster, asked, purge=purge)
    (shown,) = asked
    first, *rest = last
    assert shown.splitlines() == [
        (
            "cluster shop in eu-central-1: 3 managers, 1 workers and all that is on them, "
            f"shared files included (elastic_ips, swarm_cluster); {first}"
        ),
        *rest,
    ]
    assert there(cluster) == LEFT


def test_a_protected_database_is_not_even_asked_for(left: Callable[..., Cluster]) -> None:
    cluster, asked = left("elastic_ips", "swarm_cluster", "database", database={}), Asked()
    with pytest.raises(Refused) as caught:
        run_down(cluster, asked, purge=True)
    assert render(caught.value) == (
        "error: the database is protected against deletion\n"
        "  where: database.deletion_protection in beeyard.yml\n"
        "  do:    set it to false, run `beeyard up`, then run this again"
    )
    assert (asked, there(cluster)) == ([], LEFT)


def test_that_the_swarm_was_taken_away_is_noted(
    left: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where its backups stay, they are no proof that it was lost."""
    monkeypatch.setattr(Cloud, "destroy", lambda *_, **__: None)
    cluster = left("swarm_cluster")
    run_down(cluster, Asked())
    noted = cluster.aws.client("s3").get_object(Bucket=BUCKET, Key="swarm/taken-away")
    assert datetime.fromisoformat(noted["Body"].read().decode()) <= datetime.now(UTC)
