"""Data is lost and comes back; a backup that is damaged, or was cut short, is found out."""

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from beeyard.backup.store import DATA, MANIFEST, PREFIX
from beeyard.cli.options import Options
from beeyard.cli.wiring import open_cluster
from beeyard.workflows import Kept, run_down
from cluster.yard import Running
from drills.data import CANARY, ROWS, Data
from drills.whole import DRILLS_THAT_END_WHOLE
from drills.world import World

pytestmark = DRILLS_THAT_END_WHOLE

#: In the names of backups that are older than they are.
OLD = "-01d0"


def backup(running: Running, *arguments: str, code: int = 0) -> Any:
    return running.yard.json("backup", *arguments, code=code)


def made_of(running: Running, kind: str) -> str:
    """Take one; gives its ID."""
    (made,) = backup(running, "create", kind)["made"]
    return str(made["id"])


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_lost_data_comes_back(running: Running, world: World, data: Data) -> None:
    before = data.look()
    made = {one["kind"]: one["id"] for one in backup(running, "create")["made"]}
    assert {"database", "files"} <= set(made)
    for kind in ("database", "files", "raft"):
        tried = backup(running, "verify", kind)
        assert tried["id"] == made[kind]
        assert tried["state"] == "proved"

    data.damage()
    for kind in ("database", "files"):
        done = backup(running, "restore", kind, made[kind], "--yes")
        assert done["rto"] > 0

    assert data.look() == before
    assert_nothing_readable(world, made)
    ages = {one["kind"]: one for one in backup(running, "ls")["ages"]}
    assert all(ages[kind]["rpo"] < 1800 and not ages[kind]["late"] for kind in made)
    assert all(ages[kind]["rto"] > 0 for kind in ("database", "files"))


def test_the_schedule_takes_them_with_the_rights_of_the_instance(
    running: Running, data: Data
) -> None:
    earlier = {one["id"] for one in backup(running, "ls")["backups"]}
    data.on_manager("systemctl start beeyard-backup.service")
    timers = data.on_manager("systemctl list-timers --no-legend beeyard-backup.timer")
    assert "beeyard-backup.service" in timers
    found = [one for one in backup(running, "ls")["backups"] if one["id"] not in earlier]
    assert {"database", "files", "raft"} == {one["kind"] for one in found}
    status = running.status
    assert status["schedule"] is None
    newest = {one["kind"]: one["id"] for one in found}
    assert {one["kind"]: one["id"] for one in status["backups"]} == newest
    tried = backup(running, "verify", "database")
    assert tried["state"] == "proved"
    assert tried["facts"]["timeoff.drill"]["count"] == ROWS


def test_a_schedule_that_fails_is_said(running: Running, data: Data) -> None:
    """And one application's database that can't be taken makes the backup an incomplete one."""
    password = "/etc/beeyard/secrets/timeoff_database_password"
    data.on_manager(f"mv {password} {password}.away")
    try:
        data.on_manager("systemctl start beeyard-backup.service || true")
        assert "failed" in running.status["schedule"]
    finally:
        data.on_manager(f"mv {password}.away {password}")
    data.on_manager("systemctl start beeyard-backup.service")
    assert running.status["schedule"] is None


def test_the_file_says_when_they_are_taken_and_which_are_kept(
    running: Running, world: World, data: Data
) -> None:
    """With the schedule alone, it is `up` that removes what is kept no more."""
    kinds = ("database", "files")
    made = {kind: made_of(running, kind) for kind in kinds}
    s3, bucket = world.client("s3"), world.bucket
    for kind in kinds:
        for days in (3, 5):
            copy_as_of(s3, bucket, f"{PREFIX}{kind}/", made[kind], days)
    assert sum(OLD in one["id"] for one in backup(running, "ls")["backups"]) == 4
    text = running.yard.file.read_text()
    assert "backups:" not in text
    keep = "{daily: 1, weekly: 0}"
    running.yard.file.write_text(
        f'{text}backups: {{times: ["03:00", "15:30"], keep: {keep}, aws_backup_days: 0}}\n'
    )

    running.yard.json("up", "--yes")

    left = {one["id"] for one in backup(running, "ls")["backups"]}
    assert set(made.values()) <= left
    there = s3.list_objects_v2(Bucket=bucket, Prefix=PREFIX)["Contents"]
    assert not [one["Key"] for one in there if OLD in one["Key"]]
    timer = data.on_manager("systemctl show --property=TimersCalendar beeyard-backup.timer")
    for time in ("03:00", "15:30"):
        assert f"OnCalendar=*-*-* {time}:00 UTC ;" in timer
    assert timer.count("OnCalendar=") == 2


def copy_as_of(s3: Any, bucket: str, folder: str, name: str, days: int) -> None:
    """The same backup as one of some days ago."""
    moment = datetime.now(UTC) - timedelta(days=days)
    id_ = f"{moment:%Y%m%dT%H%M%SZ}{OLD}"
    source = {"Bucket": bucket, "Key": f"{folder}{name}/{DATA}"}
    s3.copy_object(Bucket=bucket, Key=f"{folder}{id_}/{DATA}", CopySource=source)
    manifest = s3.get_object(Bucket=bucket, Key=f"{folder}{name}/{MANIFEST}")["Body"].read()
    older = {**json.loads(manifest), "id": id_, "taken_at": moment.isoformat()}
    s3.put_object(Bucket=bucket, Key=f"{folder}{id_}/{MANIFEST}", Body=json.dumps(older).encode())


def test_a_damaged_backup_is_found_out_and_touches_nothing(
    running: Running, world: World, data: Data
) -> None:
    good = made_of(running, "database")
    bad = made_of(running, "database")
    s3, bucket, key = world.client("s3"), world.bucket, f"{PREFIX}database/{bad}/{DATA}"
    content = bytearray(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    content[len(content) // 2] ^= 1
    s3.put_object(Bucket=bucket, Key=key, Body=bytes(content))
    before = data.look()

    refused = backup(running, "verify", "database", bad, code=10)
    assert "SHA-256" in refused["why"]
    refused = backup(running, "restore", "database", bad, "--yes", code=10)
    assert "SHA-256" in refused["why"]

    assert data.look() == before
    states = {one["id"]: one["state"] for one in backup(running, "ls")["backups"]}
    assert states[bad] == "bad"
    ages = {one["kind"]: one for one in backup(running, "ls")["ages"]}
    assert ages["database"]["id"] == good


def test_a_backup_that_was_cut_short_is_none(running: Running, world: World, data: Data) -> None:
    cut = made_of(running, "files")
    s3, bucket = world.client("s3"), world.bucket
    s3.delete_object(Bucket=bucket, Key=f"{PREFIX}files/{cut}/{MANIFEST}")

    found = backup(running, "ls")
    assert cut not in {one["id"] for one in found["backups"]}
    assert cut in {one["id"] for one in found["leftovers"]}
    refused = backup(running, "restore", "files", cut, "--yes", code=5)
    assert "no manifest" in refused["why"]


def take_away(running: Running, monkeypatch: pytest.MonkeyPatch) -> Kept:
    """What `beeyard down` does on AWS. In a rehearsal, the command removes everything."""
    environment = running.yard.environment
    monkeypatch.setenv("XDG_STATE_HOME", environment["XDG_STATE_HOME"])
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with open_cluster(Options(file=running.yard.file, sandbox=True)) as cluster:
            return run_down(cluster, lambda _: None)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@pytest.mark.usefixtures("ends_in_need_of_nothing")
def test_a_cluster_that_was_taken_away_gets_its_data_back(
    running: Running,
    world: World,
    data: Data,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """All of it is another one afterwards: the bucket and the SSH key that beeyard made are what is
    left of the first."""
    before, machines = data.look(), world.instances()
    made = {one["kind"]: one["id"] for one in backup(running, "create")["made"]}
    kept = take_away(running, monkeypatch)
    assert world.instances() == {}
    assert kept.bucket == world.bucket
    assert [path.name for path in kept.keys if ".until-" not in path.name] == ["id_ed25519"]

    running.yard.run("up", "--yes")
    assert not set(world.instances().values()) & set(machines.values())
    assert data.sql("SHOW TABLES LIKE 'drill%'") == ""
    for kind in ("database", "files"):
        done = backup(running, "restore", kind, made[kind], "--yes")
        record_property(f"{kind}: restored after seconds", round(done["rto"], 1))
    # The registry's images are among the files: they are those of the first cluster again.
    running.yard.run("up", "--yes")
    assert data.look() == before
    assert running.yard.json("status")["ok"] is True


def assert_nothing_readable(world: World, made: dict[str, str]) -> None:
    """What lies in S3 is encrypted: also the data's canary is not in it."""
    s3, bucket = world.client("s3"), world.bucket
    for kind, name in made.items():
        key = f"{PREFIX}{kind}/{name}/"
        content = s3.get_object(Bucket=bucket, Key=f"{key}{DATA}")["Body"].read()
        assert content.startswith(b"age-encryption.org/v1")
        manifest = s3.get_object(Bucket=bucket, Key=f"{key}{MANIFEST}")["Body"].read()
        assert CANARY.encode() not in content + manifest
        assert b"AGE-SECRET-KEY" not in content + manifest
