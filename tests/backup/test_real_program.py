"""The nodes' program on a node's own image: real age, tar and dumps, a real MariaDB and S3 API."""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from docker import DockerClient

import beeyard.backup.node
import beeyard.provision
from backup.example import NOW
from beeyard.backup import Backup, Kind, Manifest, Place, Store
from beeyard.backup.compare import differences
from beeyard.backup.keys import unwrap
from beeyard.backup.node import Damaged, Node, Use
from beeyard.errors import HostError
from beeyard.process import Command, ContainerRunner, LocalRunner
from beeyard.sandbox.images import Images
from beeyard.secret import Secret
from beeyard.waiting import SystemClock, wait_until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]

SOURCE = Path(beeyard.provision.__file__).parent / "ansible/roles/backups/files/backup"
#: A port of this machine alone, whichever is free. docker-py takes None for that; its types don't.
LOOPBACK: Any = {"3306/tcp": ("127.0.0.1", None)}
FILES = {"path": "/mnt/efs"}
SEED = """
CREATE TABLE staff (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(99), note TEXT, b BLOB,
                    f DOUBLE, j JSON, at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
                    g INT AS (LENGTH(name)) STORED);
INSERT INTO staff (name, note, b, f, j) VALUES
  ('Ada', 'line\\nbreak; ''quote'' \\\\ (1),', x'00ff0a0d', 1.1e-300, '{"a":1}'),
  ('Bö', NULL, NULL, NULL, NULL);
CREATE TABLE nokey (a INT, t TEXT);
INSERT INTO nokey VALUES (1,'x'), (1,'x'), (2,'-- beeyard x database y\\nINSERT INTO `staff` VALUES\\n');
CREATE TABLE `odd ``name` (id INT PRIMARY KEY);
CREATE TABLE big (id INT PRIMARY KEY, h CHAR(64));
INSERT INTO big SELECT seq, SHA2(seq, 256) FROM seq_1_to_20000;
CREATE VIEW v AS SELECT name FROM staff;
DELIMITER //
CREATE TRIGGER tr BEFORE INSERT ON nokey FOR EACH ROW BEGIN SET NEW.a = NEW.a + 1; END//
CREATE PROCEDURE p() BEGIN INSERT INTO `nokey` VALUES
(1,'x'); END//
CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO DELETE FROM big//
DELIMITER ;
"""  # noqa: E501


@dataclass(frozen=True)
class Machine:
    """A node that the program runs on, and the server that it reaches at 127.0.0.1."""

    node: ContainerRunner
    server: ContainerRunner
    port: int

    def run(self, script: str) -> str:
        return self.node.run(Command(["sh", "-c", script])).stdout

    def sql(self, statements: str, database: str = "shop") -> str:
        argv = ["mariadb", "--batch", "--skip-column-names", database]
        return self.server.run(Command(argv, input=statements.encode())).stdout

    @property
    def databases(self) -> dict[str, Any]:
        return {
            "address": "127.0.0.1",
            "port": self.port,
            "databases": [{"name": "shop", "password": "/etc/beeyard/shop"}],
        }


@pytest.fixture(scope="module")
def containers(engine: DockerClient, images: Images) -> Iterator[Machine]:
    labels = {"beeyard.tests.backup": str(os.getpid())}
    started: list[Any] = []
    try:
        started.append(
            engine.containers.run(
                images.mariadb,
                detach=True,
                labels=labels,
                ports=LOOPBACK,
            )
        )
        started.append(
            engine.containers.run(
                images.node,
                entrypoint=["sleep", "infinity"],
                detach=True,
                labels=labels,
                network_mode="host",
                tmpfs={"/mnt/efs": ""},
                volumes={str(SOURCE): {"bind": beeyard.backup.node.PROGRAM, "mode": "ro"}},
            )
        )
        server, node = (ContainerRunner(LocalRunner(), str(one.name)) for one in started)
        ask = Command(["mariadb", "--execute", "SELECT 1"])
        wait_until(lambda: server.run(ask, check=False).code == 0, clock=SystemClock(), deadline=60)
        started[0].reload()
        yield Machine(node, server, int(started[0].ports["3306/tcp"][0]["HostPort"]))
    finally:
        for one in started:
            one.remove(force=True, v=True)


@pytest.fixture
def machine(containers: Machine) -> Machine:
    containers.sql(
        "DROP DATABASE IF EXISTS shop; DROP USER IF EXISTS shop@'%', 'shop~'@'%';"
        "CREATE DATABASE shop;"
        "CREATE USER shop@'%' IDENTIFIED BY 'pass\"word'; GRANT ALL ON shop.* TO shop@'%'",
        "mysql",
    )
    containers.run(
        "mkdir -p /etc/beeyard && printf 'pass\"word' > /etc/beeyard/shop && "
        "find /mnt/efs -mindepth 1 -delete && "
        "mkdir -p /mnt/efs/apps/shop/deep /mnt/efs/infra/ci && "
        "cd /mnt/efs/apps/shop && echo note > note && ln note hard && ln -s note 'soft link' && "
        "seq 1 10000 > deep/numbers && chmod 640 note && chown -R 1234:2345 deep && "
        "touch /mnt/efs/.beeyard-probe-worker-1 && echo 1 > /mnt/efs/infra/ci/log"
    )
    return containers


@dataclass(frozen=True)
class Desk:
    """The operator's side of it."""

    store: Store
    machine: Machine
    keys: Path

    @property
    def node(self) -> Node:
        return Node(self.machine.node, "manager-1")

    def take(self, kind: Kind, settings: Mapping[str, Any], parts: int = 8) -> Backup:
        place = self.store.place(kind, NOW)
        upload = self.store.begin(place, parts)
        reader = (self.keys / "ed25519.pub").read_text().strip()
        try:
            taken = self.node.take(kind, settings, [reader], upload.urls)
            self.store.complete(upload, taken.etags)
        except BaseException:
            self.store.abort(upload)
            raise
        said = {
            name: getattr(taken, name) for name in taken.__dataclass_fields__ if name != "etags"
        }
        return self.store.keep(
            Manifest(kind=kind, id=place.id, cluster="shop", readers=(reader,), **said)
        )

    def use(self, what: Use, backup: Backup, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """Gives the differences."""
        url = self.store.download_url(Place(backup.kind, backup.id))
        identity = unwrap(backup.manifest.key, self.keys / "ed25519", lambda _: Secret(""))
        found = self.node.use(what, backup.manifest, settings, url, identity)
        return differences(backup.manifest.facts, found)

    def replace(self, backup: Backup, data: bytes) -> None:
        """Another object in the place of the backup's."""
        key = Place(backup.kind, backup.id).data
        self.store.aws.client("s3").put_object(Bucket=self.store.bucket, Key=key, Body=data)

    def content(self, backup: Backup) -> bytes:
        key = Place(backup.kind, backup.id).data
        found = self.store.aws.client("s3").get_object(Bucket=self.store.bucket, Key=key)
        return bytes(found["Body"].read())


@pytest.fixture
def desk(store: Store, machine: Machine, keys: Path) -> Desk:
    return Desk(store, machine, keys)


def listing(machine: Machine) -> str:
    form = "'%P %y %m %U:%G %s %n %l\\n'"
    return machine.run(
        f"cd /mnt/efs && find apps -not -type d -printf {form} | sort && find apps -type d "
        "-printf '%P %m %U:%G\\n' | sort && cat apps/shop/note apps/shop/deep/numbers"
    )


def test_files_come_back_as_they_were(desk: Desk) -> None:
    machine = desk.machine
    before = listing(machine)
    backup = desk.take("files", FILES)
    assert set(backup.manifest.facts) == {"apps", "apps/shop", "infra", "infra/ci"}
    assert backup.manifest.facts["apps/shop"].count == 6
    assert desk.use("read", backup, FILES) == ()
    assert desk.use("verify", backup, FILES) == ()

    machine.run(
        "cd /mnt/efs && rm -r apps/shop/deep && echo other > apps/shop/note && "
        "mkdir -p apps/new/deep && touch apps/new/deep/er && echo 2 > infra/ci/log"
    )
    assert desk.use("restore", backup, FILES) == ()

    assert listing(machine) == before
    # The controller's own data is not put back where it is there, nor are probes touched.
    assert machine.run("cat /mnt/efs/infra/ci/log").strip() == "2"
    assert machine.run("ls /mnt/efs/.beeyard-probe-worker-1")
    machine.run("rm -r /mnt/efs/infra/ci")
    assert desk.use("restore", backup, FILES) == ()
    assert machine.run("cat /mnt/efs/infra/ci/log").strip() == "1"


def test_what_others_hold_open_is_not_of_a_backup_and_stays(desk: Desk) -> None:
    machine = desk.machine
    held = ".nfs00000000000a3f1c0000002b"
    machine.run(
        f"cd /mnt/efs && touch apps/shop/{held} apps/shop/.nfs-notes && mkdir infra/portainer && "
        "echo 1 > infra/portainer/portainer.db"
    )
    backup = desk.take("files", FILES)
    assert backup.manifest.facts["apps/shop"].count == 7
    assert desk.use("verify", backup, FILES) == ()
    machine.run("cd /mnt/efs && echo 2 > infra/portainer/portainer.db && rm apps/shop/.nfs-notes")
    assert desk.use("restore", backup, FILES) == ()
    assert machine.run("cat /mnt/efs/infra/portainer/portainer.db").strip() == "2"
    assert machine.run(f"ls -A /mnt/efs/apps/shop/{held} /mnt/efs/apps/shop/.nfs-notes")


def test_what_a_service_has_since_the_backup_is_no_difference(desk: Desk) -> None:
    desk.machine.run("rm -r /mnt/efs/infra/ci")
    backup = desk.take("files", FILES)
    desk.machine.run("mkdir /mnt/efs/infra/ci && echo new > /mnt/efs/infra/ci/log")
    assert desk.use("restore", backup, FILES) == ()
    assert desk.machine.run("cat /mnt/efs/infra/ci/log").strip() == "new"


def test_a_change_of_a_mode_is_seen(desk: Desk) -> None:
    first = desk.take("files", FILES)
    desk.machine.run("chmod 600 /mnt/efs/apps/shop/note")
    second = desk.take("files", FILES)
    assert differences(first.manifest.facts, second.manifest.facts) == (
        "apps/shop has other content",
    )


def test_databases_come_back_as_they_were(desk: Desk) -> None:
    machine, settings = desk.machine, desk.machine.databases
    machine.run(
        f"mariadb -h127.0.0.1 -P{machine.port} -ushop -p'pass\"word' shop <<'EOF'\n{SEED}\nEOF"
    )
    look = "SELECT * FROM staff; SELECT * FROM nokey; SELECT SUM(CRC32(h)) FROM big; SHOW TABLES;"
    before = machine.sql(look)
    backup = desk.take("database", settings)
    facts = backup.manifest.facts
    assert facts["shop.staff"].count == 2
    assert facts["shop.nokey"].count == 3
    assert facts["shop.odd `name"].count == 0
    assert facts["shop.big"].count == 20000
    assert desk.use("read", backup, settings) == ()

    machine.sql("DROP TABLE nokey; UPDATE staff SET name = 'Eve'; CREATE TABLE more (a INT)")
    machine.sql("DROP PROCEDURE p; DELETE FROM big")
    assert desk.use("restore", backup, settings) == ()

    assert machine.sql(look) == before
    assert machine.sql("SHOW PROCEDURE STATUS WHERE Db = 'shop'")
    assert machine.sql("SHOW TRIGGERS; SHOW EVENTS").count("shop@%") == 2


@pytest.fixture
def two(machine: Machine) -> Iterator[dict[str, Any]]:
    """Settings of two applications: `blog` comes first, and has a table and a view."""
    machine.sql(
        "CREATE DATABASE blog; CREATE USER blog@'%' IDENTIFIED BY 'blog';"
        "GRANT ALL ON blog.* TO blog@'%'; CREATE TABLE blog.t (a INT PRIMARY KEY);"
        "INSERT INTO blog.t VALUES (1);"
        "CREATE DEFINER=blog@'%' VIEW blog.v AS SELECT a FROM blog.t;"
        "CREATE TABLE shop.t (a INT PRIMARY KEY); INSERT INTO shop.t VALUES (7)",
        "mysql",
    )
    machine.run("printf blog > /etc/beeyard/blog")
    settings = machine.databases
    blog = {"name": "blog", "password": "/etc/beeyard/blog"}
    yield settings | {"databases": [blog, *settings["databases"]]}
    machine.sql("DROP DATABASE IF EXISTS blog; DROP USER blog@'%'", "mysql")


@pytest.mark.parametrize("how", ["a broken view", "no password"])
def test_a_database_that_can_t_be_taken_costs_no_other(
    desk: Desk, two: dict[str, Any], how: str
) -> None:
    machine = desk.machine
    if how == "a broken view":
        # Found only once its tables were dumped: half of it is in the stream.
        machine.sql("ALTER TABLE t RENAME COLUMN a TO b", "blog")
    else:
        machine.run("rm /etc/beeyard/blog")
    backup = desk.take("database", two)
    assert set(backup.manifest.facts) == {"shop.(definitions)", "shop.t"}
    (why,) = backup.manifest.left_out.values()
    assert set(backup.manifest.left_out) == {"blog"}
    assert ("blog.v" if how == "a broken view" else "is not on this node") in why
    assert desk.use("read", backup, two) == ()

    machine.sql("UPDATE shop.t SET a = 8; INSERT INTO blog.t VALUES (2)")
    assert desk.use("restore", backup, two) == ()
    assert machine.sql("SELECT a FROM shop.t").strip() == "7"
    assert machine.sql("SELECT COUNT(*) FROM blog.t").strip() == "2"
    # Before a restore nothing may be left out: it would be lost.
    with pytest.raises(HostError):
        desk.take("database", two | {"may_be_gone": True})


def test_an_application_that_has_left_keeps_no_other_from_being_restored(
    desk: Desk, two: dict[str, Any]
) -> None:
    machine, one = desk.machine, desk.machine.databases
    backup = desk.take("database", two)
    machine.sql("UPDATE shop.t SET a = 8; INSERT INTO blog.t VALUES (2)")
    assert desk.use("read", backup, one) == ()
    assert desk.use("restore", backup, one) == ()
    assert machine.sql("SELECT a FROM shop.t").strip() == "7"
    assert machine.sql("SELECT COUNT(*) FROM blog.t").strip() == "2"

    other = one | {"databases": [{"name": "wiki", "password": "/etc/beeyard/blog"}]}
    with pytest.raises(HostError) as caught:
        desk.use("read", backup, other)
    assert "which holds blog, shop" in str(caught.value.why)


def turn(machine: Machine, user: str, other: str) -> None:
    """As `rotate database-password` leaves it."""
    machine.sql(
        f"CREATE USER IF NOT EXISTS '{user}'@'%'; ALTER USER '{user}'@'%' IDENTIFIED BY '{user}'"
        f" ACCOUNT UNLOCK; GRANT ALL ON shop.* TO '{user}'@'%';"
        f"ALTER USER '{other}'@'%' ACCOUNT LOCK"
    )
    machine.run(f"printf '{user}' > /etc/beeyard/shop")


def test_the_other_user_takes_and_restores_what_the_first_made(desk: Desk) -> None:
    machine, settings = desk.machine, desk.machine.databases
    machine.run(
        f"mariadb -h127.0.0.1 -P{machine.port} -ushop -p'pass\"word' shop <<'EOF'\n"
        "CREATE TABLE t (a INT PRIMARY KEY, b TEXT);\n"
        "INSERT INTO t VALUES (1, 'CREATE DEFINER=`shop`@`%` PROCEDURE p');\n"
        "CREATE VIEW v AS SELECT a FROM t;\n"
        "CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW SET NEW.a = NEW.a + 1;\n"
        "CREATE PROCEDURE p() SELECT 1;\n"
        "CREATE EVENT ev ON SCHEDULE EVERY 1 DAY DO DELETE FROM t;\nEOF"
    )
    look = "SHOW TRIGGERS; SHOW EVENTS; SHOW CREATE VIEW v; SHOW PROCEDURE STATUS WHERE Db = 'shop'"
    first = desk.take("database", settings)
    assert machine.sql(look).count("shop@%") == 3
    turn(machine, "shop~", "shop")
    # MariaDB before 11.3 shows a routine to its definer alone.
    with pytest.raises(HostError) as caught:
        desk.take("database", settings)
    assert "insufficient privileges to SHOW CREATE PROCEDURE" in str(caught.value.why)
    assert desk.use("restore", first, settings) == ()
    assert machine.sql(look).count("shop~@%") == 3
    assert "`shop`@`%` PROCEDURE" in machine.sql("SELECT b FROM t")

    second = desk.take("database", settings)
    assert differences(first.manifest.facts, second.manifest.facts) == ()
    turn(machine, "shop", "shop~")
    assert desk.use("restore", second, settings) == ()
    assert machine.sql(look).count("shop@%") == 3


def test_a_connection_that_holds_a_table_does_not_hinder(desk: Desk) -> None:
    machine, settings = desk.machine, desk.machine.databases
    machine.sql("CREATE TABLE t (a INT PRIMARY KEY); INSERT INTO t VALUES (1)")
    backup = desk.take("database", settings)
    client = f"mariadb -h127.0.0.1 -P{machine.port} -ushop -p'pass\"word' shop"
    holder = LocalRunner().start(
        Command(
            [
                *("docker", "exec", machine.node.container, "sh", "-c"),
                f"(echo 'BEGIN; SELECT * FROM t; SELECT SLEEP(600);'; cat) | {client}",
            ],
            tied=True,
        )
    )
    try:
        asked = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(600)'"
        wait_until(
            lambda: int(machine.sql(asked)) >= 1, clock=SystemClock(), deadline=30, interval=0.2
        )
        started = time.monotonic()
        assert desk.use("restore", backup, settings) == ()
        assert time.monotonic() - started < 30
    finally:
        holder.stop()


def test_a_backup_of_several_parts(desk: Desk) -> None:
    desk.machine.run("head -c 70000000 /dev/urandom > /mnt/efs/apps/shop/large")
    backup = desk.take("files", FILES)
    assert backup.manifest.size > 70_000_000
    assert desk.use("verify", backup, FILES) == ()


def test_one_larger_than_its_urls_says_so_and_leaves_nothing(desk: Desk) -> None:
    desk.machine.run("head -c 40000000 /dev/urandom > /mnt/efs/apps/shop/large")
    with pytest.raises(HostError) as caught:
        desk.take("files", FILES, parts=1)
    assert "larger than 32 MiB" in str(caught.value.why)
    assert desk.store.list(("files",)).leftovers == ()


def test_a_database_that_can_t_be_read_is_no_backup(desk: Desk) -> None:
    desk.machine.run("printf wrong > /etc/beeyard/shop")
    with pytest.raises(HostError) as caught:
        desk.take("database", desk.machine.databases)
    assert "Access denied" in str(caught.value.why)
    assert "lets in none of the users of shop" in str(caught.value.why)
    assert desk.store.list(("database",)).leftovers == ()


@pytest.mark.parametrize("damage", ["flipped", "cut", "another"])
@pytest.mark.parametrize("use", ["read", "verify"])
def test_a_damaged_object_is_found_out(desk: Desk, damage: str, use: Use) -> None:
    backup = desk.take("files", FILES)
    content = desk.content(backup)
    middle = len(content) // 2
    other = {
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "cut": content[:middle],
        "another": b"nothing of the kind",
    }
    desk.replace(backup, other[damage])
    with pytest.raises(Damaged) as caught:
        desk.use(use, backup, FILES)
    assert "SHA-256" in str(caught.value.why)


def test_a_database_that_is_gone_comes_back(desk: Desk) -> None:
    machine, settings = desk.machine, desk.machine.databases
    machine.sql("CREATE TABLE t (a INT PRIMARY KEY); INSERT INTO t VALUES (1)")
    backup = desk.take("database", settings)
    machine.sql("DROP DATABASE shop", "mysql")
    with pytest.raises(HostError):
        desk.take("database", settings)
    gone = desk.take("database", settings | {"may_be_gone": True})
    assert gone.manifest.facts == {}
    assert desk.use("read", gone, settings) == ()
    assert desk.use("restore", backup, settings) == ()
    assert machine.sql("SELECT a FROM t").strip() == "1"


def test_what_does_not_arrive_whole_says_nothing_of_the_backup(desk: Desk) -> None:
    backup = desk.take("files", FILES)
    content = desk.content(backup)

    class Half(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content[: len(content) // 2])

    identity = unwrap(backup.manifest.key, desk.keys / "ed25519", lambda _: Secret(""))
    with HTTPServer(("127.0.0.1", 0), Half) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}/"
            with pytest.raises(HostError, match="failed on manager-1") as caught:
                desk.node.use("read", backup.manifest, FILES, url, identity)
        finally:
            server.shutdown()
            thread.join()
    assert f"S3 broke off after {len(content) // 2} bytes of {len(content)}" in str(
        caught.value.why
    )


def test_a_server_that_refuses_says_nothing_of_the_backup(desk: Desk) -> None:
    desk.machine.sql("CREATE TABLE t (a INT PRIMARY KEY)")
    backup = desk.take("database", desk.machine.databases)
    desk.machine.sql("REVOKE DROP ON shop.* FROM shop@'%'; GRANT SELECT ON shop.* TO shop@'%'")
    with pytest.raises(HostError, match="failed on manager-1") as caught:
        desk.use("restore", backup, desk.machine.databases)
    assert "did not take all of the dump" in str(caught.value.why)


def test_two_at_once_do_not_share_the_scratch_place(desk: Desk) -> None:
    backup = desk.take("files", FILES)
    assert desk.use("verify", backup, FILES) == ()
    assert desk.machine.run("stat -c %a /run/beeyard-backup").strip() == "700"
    argv = ["docker", "exec", "-i", desk.machine.node.container]
    argv += ["flock", "/run/beeyard-backup/files.lock", "sh", "-c", "touch /tmp/held; cat"]
    holder = LocalRunner().start(Command(argv, tied=True))
    try:
        held = Command(["test", "-e", "/tmp/held"])
        wait_until(
            lambda: desk.machine.node.run(held, check=False).code == 0,
            clock=SystemClock(),
            deadline=30,
            interval=0.2,
        )
        with pytest.raises(HostError) as caught:
            desk.use("verify", backup, FILES)
    finally:
        holder.stop()
    assert "another backup is being verified" in str(caught.value.why)


def scheduled(desk: Desk, kinds: dict[str, Any]) -> list[str]:
    """Tell the schedule what to take; gives what its run is started by."""
    reader = (desk.keys / "rsa.pub").read_text().strip()
    job = {
        "bucket": desk.store.bucket,
        "region": desk.store.aws.region,
        "endpoint": desk.store.aws.target.endpoint,
        "cluster": "shop",
        "readers": [reader],
        "kinds": kinds,
    }
    write = Command(["sh", "-c", "cat > /etc/beeyard/backups.json"], input=json.dumps(job).encode())
    desk.machine.node.run(write)
    given = ("AWS_ACCESS_KEY_ID=sandbox", "AWS_SECRET_ACCESS_KEY=sandbox")
    return ["env", *given, "python3", "-I", "-B", beeyard.backup.node.PROGRAM, "scheduled"]


def test_the_schedule_waits_for_the_end_of_a_restore(desk: Desk) -> None:
    """What it takes is never of the middle of one."""
    machine = desk.machine
    backup = desk.take("files", FILES)
    machine.run("echo other > /mnt/efs/apps/shop/note; rm -r /mnt/efs/apps/shop/deep")
    run = Command(scheduled(desk, {"files": FILES}))
    # A restore of which half was done stands still here: tar waits for somebody who reads.
    text = '#!/bin/sh\\ncat /tmp/tar-waits\\nexec /usr/bin/tar "$@"\\n'
    machine.run(
        f"mkfifo /tmp/tar-waits; printf '{text}' > /usr/local/bin/tar; chmod +x /usr/local/bin/tar"
    )
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        restoring = pool.submit(desk.use, "restore", backup, FILES)
        lock = Command(["flock", "--nonblock", "/run/beeyard-backup/files-data.lock", "true"])
        wait_until(
            lambda: machine.node.run(lock, check=False).code != 0,
            clock=SystemClock(), deadline=60, interval=0.2,
        )  # fmt: skip
        taking = pool.submit(machine.node.run, run, on_line=said.append)
        wait_until(lambda: said != [], clock=SystemClock(), deadline=60, interval=0.2)
        assert said == ["a restore of files goes on on this node: waiting for its end"]
        machine.run("rm /usr/local/bin/tar; echo > /tmp/tar-waits; rm /tmp/tar-waits")
        assert restoring.result() == ()
        taking.result()
    newest = desk.store.find("files")
    assert newest.id != backup.id
    assert differences(backup.manifest.facts, newest.manifest.facts) == ()


@pytest.mark.parametrize("reads", ["true", "cat >/dev/null"], ids=["nothing", "all_of_it"])
def test_after_half_a_restore_the_schedule_takes_nothing_good(desk: Desk, reads: str) -> None:
    """Where tar fails it is the node that fails: the backup is not called damaged."""
    machine, settings = desk.machine, {**FILES, "putting_back": "x"}
    backup = desk.take("files", FILES)
    run = Command(scheduled(desk, {"files": FILES}))
    text = f"#!/bin/sh\\n{reads}\\nexit 2\\n"
    machine.run(f"printf '{text}' > /usr/local/bin/tar; chmod +x /usr/local/bin/tar")
    try:
        with pytest.raises(HostError):
            desk.use("restore", backup, settings)
    finally:
        machine.run("rm /usr/local/bin/tar")
    done = machine.node.run(run, check=False)
    assert done.code == 1
    assert "the restore of x did not end before it" in done.stderr
    assert desk.store.find("files").id == backup.id

    assert desk.use("restore", backup, settings) == ()
    machine.node.run(run)
    assert desk.store.find("files").id != backup.id


def test_the_schedules_run_puts_what_the_operator_can_prove(desk: Desk) -> None:
    """By boto3, with credentials as an instance has them; here from its environment."""
    machine = desk.machine
    machine.sql("CREATE TABLE t (a INT PRIMARY KEY); INSERT INTO t VALUES (1), (2)")
    settings = machine.databases
    kinds: dict[str, Any] = {"unknown": {}, "database": settings, "files": FILES}
    done = machine.node.run(Command(scheduled(desk, kinds)), check=False)
    assert done.code == 1
    assert "unknown: no backup was made" in done.stderr

    listed = desk.store.list()
    assert {one.kind for one in listed.backups} == {"database", "files"}
    assert listed.leftovers == ()
    for backup in listed.backups:
        url = desk.store.download_url(Place(backup.kind, backup.id))
        identity = unwrap(backup.manifest.key, desk.keys / "rsa", lambda _: Secret(""))
        found = desk.node.use("read", backup.manifest, kinds[backup.kind], url, identity)
        assert differences(backup.manifest.facts, found) == ()
