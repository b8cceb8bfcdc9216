"""Backups in a real S3 API: the manifest last, and what is cut short is no backup."""

from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from backup.example import NOW, manifest
from beeyard.backup import Backup, Manifest, Place, Proof, Store
from beeyard.backup.store import parts_for, room_of
from beeyard.cloud.api import Aws
from beeyard.errors import CloudError

DATA = b"data"


def put(store: Store, place: Place, data: bytes = DATA) -> None:
    """As a node does: each part to its URL."""
    upload = store.begin(place, parts=2)
    answer = httpx.put(
        upload.urls[0], content=data, headers={"Content-Type": "application/octet-stream"}
    )
    answer.raise_for_status()
    store.complete(upload, [answer.headers["ETag"]])


def made(store: Store, name: str = "20260331T120000Z-0001") -> Backup:
    place = Place("database", name)
    put(store, place)
    return store.keep(manifest(id=place.id))


def test_a_place_begins_with_its_time_and_is_like_no_other(store: Store) -> None:
    one, other = (store.place("files", NOW) for _ in range(2))
    assert one.id.startswith("20260331T120000Z-")
    assert one != other
    assert one.data == f"backups/files/{one.id}/data.age"


def test_what_was_put_is_found_and_can_be_had(store: Store) -> None:
    backup = made(store)
    assert store.find("database") == backup == store.find("database", backup.id)
    url = store.download_url(Place("database", backup.id))
    assert httpx.get(url).content == DATA


def test_urls_are_those_that_nodes_reach(aws: Aws, store: Store) -> None:
    within = Aws(replace(aws.target, endpoint="http://10.71.0.6"), aws.region)
    upload = Store(aws, "state", within).begin(Place("files", "x"), parts=1)
    assert upload.urls[0].startswith("http://10.71.0.6/state/backups/files/x/data.age?")


@pytest.mark.parametrize("step", ["begun", "put", "no data", "another size", "no manifest"])
def test_one_that_is_cut_short_is_no_backup(aws: Aws, store: Store, step: str) -> None:
    place = Place("database", "20260331T120000Z-0001")
    match step:
        case "begun":
            store.begin(place, parts=1)
        case "put":
            put(store, place)
        case "no data":
            store.keep(manifest(id=place.id))
        case "another size":
            put(store, place, b"dat")
            store.keep(manifest(id=place.id))
        case "no manifest":
            key = f"{place.folder}manifest.json"
            aws.client("s3").put_object(Bucket="state", Key=key, Body=b"{}")
    listing = store.list()
    assert listing.backups == ()
    assert [one.id for one in listing.leftovers] == [place.id]
    with pytest.raises(CloudError, match="there is no backup database"):
        store.find("database")
    with pytest.raises(CloudError) as caught:
        store.find("database", place.id)
    assert caught.value.why == listing.leftovers[0].why

    store.remove(place)

    assert store.list().leftovers == ()


def test_an_upload_that_is_given_up_leaves_nothing(store: Store) -> None:
    store.abort(store.begin(Place("files", "x"), parts=1))
    assert store.list().leftovers == ()


def test_a_manifest_is_written_once(store: Store) -> None:
    made(store)
    with pytest.raises(CloudError):
        store.keep(manifest(cluster="another"))


def test_a_proof_stands_beside_it(store: Store) -> None:
    backup = made(store)
    assert backup.state == "whole"
    store.prove(backup, Proof(NOW, "verify", 2.5))
    assert store.find("database").state == "proved"
    bad = store.prove(backup, Proof(NOW, "verify", 2.5, ("orders is missing",)))
    assert store.find("database", backup.id) == bad
    assert bad.state == "bad"
    # Others may have written where it was put back.
    store.prove(backup, Proof(NOW, "restore", 2.5, ("orders is missing",)))
    assert store.find("database").state == "whole"


def test_the_newest_good_one_is_taken(store: Store) -> None:
    older, newer = made(store), made(store, "20260331T130000Z-0001")
    assert [one.id for one in store.list().backups] == [newer.id, older.id]
    assert store.find("database") == newer
    store.prove(newer, Proof(NOW, "verify", 1.0, ("orders is missing",)))
    assert store.find("database") == older


def test_one_that_is_incomplete_is_not_taken_unasked(store: Store) -> None:
    older = made(store)
    place = Place("database", "20260331T130000Z-0001")
    put(store, place)
    newer = store.keep(manifest(id=place.id, versions={"left out: blog": "a view is broken"}))
    assert newer.manifest.left_out == {"blog": "a view is broken"}
    assert store.find("database") == older == store.newest_good("database")
    assert store.find("database", newer.id) == newer


def test_the_newest_good_one_is_found_by_its_own_manifest(store: Store) -> None:
    assert store.newest_good("database") is None
    older, newer = made(store), made(store, "20260331T130000Z-0001")
    store.begin(Place("database", "20260331T140000Z-0001"), parts=1)
    assert store.newest_good("database") == newer
    bad = store.prove(newer, Proof(NOW, "verify", 1.0, ("orders is missing",)))
    assert store.newest_good("database") == older != bad
    assert store.largest("database") == len(DATA)
    assert store.largest("files") == 0


@pytest.mark.parametrize(
    ("largest", "parts"),
    [(0, 2000), (93, 2000), (94, 2250), (1024, 7000), (50 * 1024, 10_000)],
)
def test_the_larger_the_last_one_the_more_parts_there_are(largest: int, parts: int) -> None:
    """In GiB."""
    assert parts_for(largest * 1024**3) == parts
    # As many as S3 takes are more than it takes in one object.
    assert room_of(10_000) > 5 * 1024**4


def test_it_is_removed_for_good(aws: Aws, store: Store) -> None:
    backup = made(store)
    store.prove(backup, Proof(NOW, "verify", 1.0))
    store.remove(Place("database", backup.id))
    left = aws.client("s3").list_object_versions(Bucket="state", Prefix="backups/")
    assert "Versions" not in left
    assert "DeleteMarkers" not in left


def test_a_manifest_of_a_newer_beeyard_is_left_alone(store: Store) -> None:
    place = Place("database", "20260331T120000Z-0001")
    put(store, place)
    store.keep(manifest(id=place.id, format=2))
    (left,) = store.list().leftovers
    assert left.why == "this backup was made by a newer beeyard"


def test_a_manifest_that_is_another_s_makes_no_backup(store: Store) -> None:
    place = Place("database", "20260331T120000Z-0001")
    put(store, place)
    store.keep(manifest(id=place.id))
    store._put(Place("database", "20260401T120000Z-0001"), "manifest.json", manifest().encode())
    (left,) = store.list().leftovers
    assert left.why == "its manifest is that of database 20260331T120000Z-0001"


@pytest.mark.parametrize("now", ["there", "overwritten", "deleted"])
def test_one_that_had_a_manifest_is_known(aws: Aws, store: Store, now: str) -> None:
    place = Place("database", made(store).id)
    where = {"Bucket": "state", "Key": f"{place.folder}manifest.json"}
    if now == "overwritten":
        aws.client("s3").put_object(**where, Body=b"{}")
    elif now == "deleted":
        aws.client("s3").delete_object(**where)
    assert store.had_manifest(place)
    assert not store.had_manifest(Place("database", place.id[:-1]))


def test_a_manifest_is_read_as_it_was_written() -> None:
    one = manifest(taken_at=NOW + timedelta(microseconds=5))
    assert Manifest.decode(one.encode(), where="here") == one
