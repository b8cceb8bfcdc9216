"""A second operator, a lost laptop, and every key and password made anew while users are served."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest

from beeyard.apps import Prober
from beeyard.cli.wiring import sockets_of
from beeyard.config.ssh_keys import key_of
from beeyard.process import LocalRunner
from beeyard.provision import close_connections
from beeyard.workflows.keys import public_key
from beeyard.workflows.pins import KEY as PINS
from cluster.yard import NAME, Running, Yard
from drills.conftest import asking_for, change
from drills.phases import BEGINS
from drills.world import World
from leavings import STATE_HOME

pytestmark = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("ends_whole"),
]

FOLDER = STATE_HOME / "beeyard" / "clusters" / f"{NAME}@sandbox"
NODES = ("manager-1", "worker-1", "worker-2")
KEYS = "/home/admin/.ssh/authorized_keys"
SECRETS = "/etc/beeyard/secrets"


@pytest.fixture
def bob(yard: Yard, tmp_path: Path) -> Yard:
    """The same file on another machine, on which nothing is but an SSH key."""
    public_key(tmp_path / "bob", own=True)
    mine = {"XDG_STATE_HOME": str(tmp_path / "state"), "BEEYARD_SSH_KEY": str(tmp_path / "bob")}
    # The rehearsal's cloud is this machine's: what stands for AWS is found by both.
    sandboxes = tmp_path / "state/beeyard/sandbox"
    sandboxes.parent.mkdir(parents=True)
    sandboxes.symlink_to(STATE_HOME / "beeyard/sandbox")
    return replace(yard, environment={**yard.environment, **mine})


@pytest.fixture
def asking(running: Running) -> Iterator[Prober]:
    """Users whose every request needs the database."""
    with asking_for("/healthz", running) as prober:
        yield prober


def let_in(yard: Yard, **operators: str) -> None:
    change(yard, "ssh", operators=operators)
    yard.run("up", "--yes")


def key_in_use() -> str:
    return (FOLDER / "id_ed25519.pub").read_text().strip()


def folder_of(bob: Yard) -> Path:
    return Path(bob.environment["XDG_STATE_HOME"]) / "beeyard/clusters" / f"{NAME}@sandbox"


def keys_of(yard: Yard, node: str) -> set[str]:
    """Who may sign in to a node, the controller aside."""
    lines = yard.run("ssh", node, "--", "cat", KEYS).splitlines()
    return {key_of(line) for line in lines if not line.endswith(" beeyard-controller")}


def assert_nothing_lost(users: Prober) -> None:
    assert users.traffic().requests > 20
    assert users.traffic().failed == 0, users.traffic().reasons


def killed_at(yard: Yard, begins: str, *arguments: str) -> None:
    """Run a command until a phase of that name begins, and kill it there."""
    with yard.start(*arguments, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            phase = BEGINS.match(line)
            if phase and phase[1] == begins:
                process.send_signal(signal.SIGKILL)
                return
    pytest.fail(f"no phase `{begins}` in\n{''.join(said)}")


def test_a_second_operator_needs_a_clone_and_a_key(
    running: Running, bob: Yard, tmp_path: Path
) -> None:
    yard = running.yard
    # Before somebody lets him in: in words, with nothing made and nothing changed.
    refused = bob.json("up", "--yes", code=7)
    assert "does not let us in" in refused["what"]

    let_in(yard, alice=key_in_use(), bob=public_key(tmp_path / "bob", own=False))
    assert bob.json("status")["ok"] is True
    pinned = (FOLDER / "known_hosts").read_text()
    assert (folder_of(bob) / "known_hosts").read_text() == pinned
    config = (folder_of(bob) / "provision/ssh_config").read_text()
    assert "StrictHostKeyChecking yes" in config
    plan = bob.json("plan")
    assert [layer["changes"] for layer in plan["layers"]] == [[], [], []]
    assert {one["state"] for one in bob.json("node", "ls")} == {"ready"}
    assert bob.json("deploy", "timeoff")["changed"] is False
    assert bob.json("up", "--yes")["changes"] == 0
    assert (FOLDER / "known_hosts").read_text() == pinned

    # And out again: a key that the file no longer has is on no node any more.
    let_in(yard, alice=key_in_use())
    for node in NODES:
        assert keys_of(yard, node) == {key_of(key_in_use())}
    assert "did not accept the SSH key" in bob.json("node", "ls", code=8)["what"]


def test_nobody_locks_himself_out(running: Running, tmp_path: Path) -> None:
    before = keys_of(running.yard, "manager-1")
    change(running.yard, "ssh", operators={"bob": public_key(tmp_path / "bob", own=True)})
    for command in (("up", "--yes"), ("provision",)):
        refused = running.yard.json(*command, code=11)
        assert refused["what"].startswith("you would lock yourself out")
        assert key_in_use() in refused["fix"]
    assert keys_of(running.yard, "manager-1") == before


def test_a_machine_that_says_another_host_key(
    running: Running, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the two places differ, neither is believed; a key that really changed is taken back by
    hand alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(STATE_HOME))
    yard, known = running.yard, FOLDER / "known_hosts"
    before = known.read_text()
    instance = world.instances()["worker-1"]
    other = "AAAAC3NzaC1lZDI1NTE5AAAAIHVwJ0c1VgHF4zE0ipjB3pXuzWOe8rPjZqgZFLyk4Ey5"
    lines = [
        f"{instance} ssh-ed25519 {other}" if line.startswith(instance) else line
        for line in before.splitlines()
    ]
    known.write_text("".join(f"{line}\n" for line in lines))
    for command in (("node", "ls"), ("up", "--yes")):
        refused = yard.json(*command, code=7)
        assert "know another host key of worker-1" in refused["what"]
        assert "SHA256:" in refused["why"]
    (bucket,) = [
        one["Name"]
        for one in world.client("s3").list_buckets()["Buckets"]
        if one["Name"].startswith(f"beeyard-{NAME}-")
    ]
    kept = world.client("s3").get_object(Bucket=bucket, Key=PINS)["Body"].read().decode()
    assert kept == before
    known.unlink()
    assert yard.json("status")["ok"] is True
    assert known.read_text() == before

    ssh = "/etc/ssh/ssh_host_ed25519_key"
    anew = f"rm {ssh} && ssh-keygen -q -t ed25519 -N '' -f {ssh} && systemctl restart ssh"
    quoted = anew.replace("'", "'\\''")
    yard.run("ssh", "worker-1", "--", f"sudo sh -c '{quoted}'")
    # The connections that are open know nothing of it.
    close_connections(sockets_of(NAME, "sandbox"), LocalRunner())
    refused = yard.json("up", "--yes", code=7)
    assert "the host key of worker-1 is not the one that was pinned" in refused["what"]
    assert "beeyard node forget-key worker-1" in refused["fix"]
    yard.run("node", "forget-key", "worker-1", "--yes")
    yard.run("up", "--yes")
    assert known.read_text() != before


def test_the_ssh_key_is_made_anew(running: Running, world: World, users: Prober) -> None:
    yard, old, machines = running.yard, key_in_use(), world.instances()
    killed_at(yard, "remove a key", "rotate", "ssh-key", "--yes")
    done = yard.json("rotate", "ssh-key", "--yes")
    assert set(done["nodes"]) == set(NODES)
    new = key_in_use()
    assert key_of(new) != key_of(old)
    assert key_of(new) == key_of(done["public_key"])
    for node in NODES:
        assert keys_of(yard, node) == {key_of(new)}
    # The schedule of backups is told for whom to encrypt.
    yard.run("up", "--yes")
    assert yard.json("up", "--yes")["changes"] == 0
    assert world.instances() == machines
    assert_nothing_lost(users)


def test_a_key_of_ones_own_is_changed_for_another(
    running: Running, bob: Yard, world: World, tmp_path: Path
) -> None:
    let_in(running.yard, alice=key_in_use(), bob=public_key(tmp_path / "bob", own=False))
    machines = world.instances()
    assert "did not make the key" in bob.json("rotate", "ssh-key", "--yes", code=11)["what"]
    new = public_key(tmp_path / "next", own=True)
    bob.run("rotate", "ssh-key", "--to", str(tmp_path / "next"), "--yes")
    for node in NODES:
        assert keys_of(running.yard, node) == {key_of(key_in_use()), key_of(new)}
    assert new in running.yard.file.read_text()
    moved = replace(bob, environment={**bob.environment, "BEEYARD_SSH_KEY": str(tmp_path / "next")})
    moved.run("up", "--yes")
    assert moved.json("up", "--yes")["changes"] == 0
    assert world.instances() == machines


def locked_users() -> dict[str, bool]:
    """The application's users of the database, and whether each is locked."""
    label: dict[str, str | list[str] | bool] = {"label": f"beeyard.sandbox={NAME}"}
    (database,) = [
        one for one in docker.from_env().containers.list(filters=label) if "-db-" in str(one.name)
    ]
    sql = (
        "SELECT User, JSON_VALUE(Priv, '$.account_locked') FROM mysql.global_priv "
        "WHERE User LIKE 'timeoff%'"
    )
    done = database.exec_run(["mariadb", "--batch", "--skip-column-names", "-e", sql])
    assert isinstance(done.output, bytes)
    rows = [line.split("\t") for line in done.output.decode().splitlines()]
    return {user: locked in {"1", "true"} for user, locked in rows}


def test_the_database_password_is_made_anew(running: Running, asking: Prober) -> None:
    yard = running.yard
    assert locked_users() == {"timeoff": False}
    (first,) = yard.json("rotate", "database-password", "timeoff", "--yes")
    assert locked_users() == {"timeoff": True, "timeoff~": False}
    killed_at(
        yard, "timeoff: switch", "rotate", "database-password", "timeoff", "--yes"
    )  # fmt: skip
    (second,) = yard.json("rotate", "database-password", "timeoff", "--yes")
    assert second["version"] != first["version"]
    assert sorted(locked_users().values()) == [False, True]
    assert_nothing_lost(asking)
    # An old release comes back with the password that is good.
    yard.run("rollback", "timeoff")
    assert yard.json("status")["ok"] is True
    yard.run("up", "--yes")
    assert_nothing_lost(asking)


def test_a_generated_secret_is_made_anew(running: Running, asking: Prober) -> None:
    yard = running.yard
    before = yard.run("ssh", "manager-1", "--", "sudo", "cat", f"{SECRETS}/timeoff_secret_key")
    done = yard.json("rotate", "secret", "timeoff", "timeoff_secret_key", "--yes")
    after = yard.run("ssh", "manager-1", "--", "sudo", "cat", f"{SECRETS}/timeoff_secret_key")
    assert after != before
    rows = {row["name"]: row for row in yard.json("secret", "ls", "timeoff")}
    assert rows["timeoff_secret_key"]["version"] == done["version"]
    assert rows["timeoff_secret_key"]["state"] == "in use"
    refused = yard.json("rotate", "secret", "timeoff", "timeoff_database_url", "--yes", code=11)
    assert "did not make" in refused["what"]
    assert_nothing_lost(asking)


def test_join_tokens_and_the_root_of_the_swarm(running: Running, users: Prober) -> None:
    yard = running.yard

    def tokens() -> list[str]:
        return [
            running.docker_on("manager-1", "swarm", "join-token", "-q", role).strip()
            for role in ("worker", "manager")
        ]

    before, root = tokens(), running.docker_on("manager-1", "swarm", "ca")
    yard.run("rotate", "join-tokens", "--yes")
    assert not set(tokens()) & set(before)
    assert yard.json("rotate", "ca", "--yes")["nodes"] == len(NODES)
    assert running.docker_on("manager-1", "swarm", "ca") != root
    assert {one["state"] for one in yard.json("node", "ls")} == {"ready"}
    assert_nothing_lost(users)


@pytest.mark.parametrize("name", ["registry-password", "pipeline-keys", "database-admin-password"])
def test_passwords_that_beeyard_makes(running: Running, users: Prober, name: str) -> None:
    yard = running.yard
    yard.run("rotate", name, "--yes")
    assert yard.json("up", "--yes")["changes"] == 0
    assert yard.json("status")["ok"] is True
    if name == "registry-password":
        # What the registry lets in is what services keep: a node without the image can pull it.
        image = running.docker_on(
            "manager-1", "service", "inspect", "timeoff_web", "--format",
            "'{{.Spec.TaskTemplate.ContainerSpec.Image}}'",
        ).strip()  # fmt: skip
        running.docker_on("worker-1", "image", "rm", "--force", image)
        yard.run("scale", "timeoff", "web=3")
        yard.run("scale", "timeoff", "web=2")
    assert_nothing_lost(users)


def test_the_dashboards_password(
    running: Running, users: Prober, record_property: Callable[[str, object], None]
) -> None:
    """Traefik is started anew with it; how long that takes is written down."""
    before = running.yard.run("ssh", "manager-1", "--", "sudo", "cat", f"{SECRETS}/dashboard_users")
    running.yard.run("rotate", "dashboard-password", "--yes")
    after = running.yard.run("ssh", "manager-1", "--", "sudo", "cat", f"{SECRETS}/dashboard_users")
    assert after != before
    assert running.yard.json("status")["ok"] is True
    traffic = users.traffic()
    record_property("requests that found no Traefik", f"{traffic.failed} of {traffic.requests}")
