"""A second operator, a lost laptop, and every key and password made anew while users are served."""

import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import docker
import pytest
from docker.models.containers import Container
from ruamel.yaml import YAML

from beeyard.apps import Prober
from beeyard.cli.wiring import sockets_of
from beeyard.config.ssh_keys import key_of
from beeyard.process import LocalRunner
from beeyard.provision import close_connections
from beeyard.waiting import SystemClock, wait_until
from beeyard.workflows.keys import public_key
from beeyard.workflows.pins import KEY as PINS
from cluster.yard import NAME, Running, Yard
from drills.conftest import asking_for, change
from drills.doors import SECRETS, SOON, Admin, Doors
from drills.phases import BEGINS
from drills.whole import DRILLS_THAT_END_WHOLE
from drills.world import World
from leavings import STATE_HOME

pytestmark = DRILLS_THAT_END_WHOLE

FOLDER = STATE_HOME / "beeyard" / "clusters" / f"{NAME}@sandbox"
NODES = ("manager-1", "worker-1", "worker-2")
KEYS = "/home/admin/.ssh/authorized_keys"
_APP = "timeoff"


class Bob(NamedTuple):
    """Another operator: a clone of the project, and a home with nothing in it but an SSH key."""

    yard: Yard
    key: Path

    @property
    def public(self) -> str:
        return public_key(self.key, own=False)

    @property
    def folder(self) -> Path:
        """What beeyard keeps there of the cluster."""
        return Path(self.yard.environment["XDG_STATE_HOME"]) / f"beeyard/clusters/{NAME}@sandbox"

    def clone(self, yard: Yard) -> None:
        """Have the project as it is now: the file, and the application that it names."""
        folder = self.yard.file.parent
        shutil.rmtree(folder, ignore_errors=True)
        _copy(yard.file.parent / _APP, folder / _APP)
        shutil.copy(yard.file, self.yard.file)


def _copy(there: Path, here: Path) -> None:
    shutil.copytree(there, here, copy_function=shutil.copy, symlinks=True)


@pytest.fixture
def project(yard: Yard) -> Iterator[Yard]:
    """The file as a project has it that others clone: what it names is beside it."""
    yaml = YAML()
    document = yaml.load(yard.file)
    folder = yard.file.parent / _APP
    _copy(Path(document["applications"]["timeoff"]["path"]), folder)
    document["applications"]["timeoff"]["path"] = _APP
    yaml.dump(document, yard.file)
    yield yard
    shutil.rmtree(folder)


@pytest.fixture
def bob(project: Yard, tmp_path: Path) -> Bob:
    """On another machine, as far as one machine can be two."""
    home = tmp_path / "home"
    key = home / ".ssh/bees"
    public_key(key, own=True)
    # What stands for AWS is this machine's, and with it the credentials: both find it.
    sandboxes = home / ".local/state/beeyard/sandbox"
    sandboxes.parent.mkdir(parents=True)
    sandboxes.symlink_to(STATE_HOME / "beeyard/sandbox")
    mine = {"HOME": str(home), "XDG_STATE_HOME": str(home / ".local/state")}
    made = Bob(Yard(tmp_path / "clone/beeyard.yml", {**mine, **signing_in_with(key)}), key)
    made.clone(project)
    return made


def signing_in_with(key: Path) -> dict[str, str]:
    return {"BEEYARD_SSH_KEY": str(key), "NO_COLOR": "1"}


@pytest.fixture
def asking(running: Running) -> Iterator[Prober]:
    """Users whose every request needs the database."""
    with asking_for("/healthz", running) as prober:
        yield prober


@pytest.fixture
def doors(running: Running) -> Doors:
    return Doors(running)


def let_in(yard: Yard, **operators: str) -> None:
    change(yard, "ssh", operators=operators)
    yard.run("up", "--yes")


def key_in_use() -> str:
    return (FOLDER / "id_ed25519.pub").read_text().strip()


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


def test_a_second_operator_needs_a_clone_and_a_key(running: Running, bob: Bob) -> None:
    yard, other = running.yard, bob.yard
    # Before somebody lets him in: in words, with nothing made and nothing changed.
    refused = other.json("up", "--yes", code=7)
    assert "does not let us in" in refused["what"]

    let_in(yard, alice=key_in_use(), bob=bob.public)
    bob.clone(yard)
    assert other.json("status")["ok"] is True
    pinned = (FOLDER / "known_hosts").read_text()
    assert (bob.folder / "known_hosts").read_text() == pinned
    config = (bob.folder / "provision/ssh_config").read_text()
    assert "StrictHostKeyChecking yes" in config
    plan = other.json("plan")
    assert [layer["changes"] for layer in plan["layers"]] == [[], [], []]
    assert {one["state"] for one in other.json("node", "ls")} == {"ready"}
    assert other.json("deploy", "timeoff")["changed"] is False
    assert other.json("up", "--yes")["changes"] == 0
    assert (FOLDER / "known_hosts").read_text() == pinned
    assert not (bob.folder / "id_ed25519").exists()

    # And out again: a key that the file no longer has is on no node any more.
    let_in(yard, alice=key_in_use())
    for node in NODES:
        assert keys_of(yard, node) == {key_of(key_in_use())}
    assert "did not accept the SSH key" in other.json("node", "ls", code=8)["what"]


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
    assert world.kept(PINS) == before
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
    running: Running, bob: Bob, world: World, tmp_path: Path
) -> None:
    let_in(running.yard, alice=key_in_use(), bob=bob.public)
    bob.clone(running.yard)
    machines = world.instances()
    assert "did not make the key" in bob.yard.json("rotate", "ssh-key", "--yes", code=11)["what"]
    new = public_key(tmp_path / "next", own=True)
    bob.yard.run("rotate", "ssh-key", "--to", str(tmp_path / "next"), "--yes")
    for node in NODES:
        assert keys_of(running.yard, node) == {key_of(key_in_use()), key_of(new)}
    assert new in bob.yard.file.read_text()
    moved = {**bob.yard.environment, **signing_in_with(tmp_path / "next")}
    moved_yard = replace(bob.yard, environment=moved)
    moved_yard.run("up", "--yes")
    assert moved_yard.json("up", "--yes")["changes"] == 0
    assert world.instances() == machines


def database_server() -> Container:
    label: dict[str, str | list[str] | bool] = {"label": f"beeyard.sandbox={NAME}"}
    (database,) = [
        one for one in docker.from_env().containers.list(filters=label) if "-db-" in str(one.name)
    ]
    return database


def locked_users() -> dict[str, bool]:
    """The application's users of the database, and whether each is locked."""
    sql = (
        "SELECT User, JSON_VALUE(Priv, '$.account_locked') FROM mysql.global_priv "
        "WHERE User LIKE 'timeoff%'"
    )
    done = database_server().exec_run(["mariadb", "--batch", "--skip-column-names", "-e", sql])
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


def assert_well_after(running: Running, users: Prober) -> None:
    assert running.yard.json("up", "--yes")["changes"] == 0
    assert running.yard.json("status")["ok"] is True
    assert_nothing_lost(users)


def rotate_password(
    running: Running, doors: Doors, of: str, path: str, user: str, service: str | None = None
) -> None:
    """Make one anew that lets in at a `service` (None: of the same name): the old one does no
    more."""

    def asked(password: str) -> int:
        return doors.by_password(service or of, path, user, password)

    old = doors.secret(f"{of}_password")
    assert asked(old) == 200
    running.yard.run("rotate", f"{of}-password", "--yes")
    new = doors.secret(f"{of}_password")
    assert new != old
    assert asked(old) == 401
    assert asked(new) == 200


def test_the_registrys_password(running: Running, users: Prober, doors: Doors) -> None:
    rotate_password(running, doors, "registry", "/v2/", "beeyard")
    # What the registry lets in is what services keep: a node without the image can pull it.
    image = running.docker_on(
        "manager-1", "service", "inspect", "timeoff_web", "--format",
        "'{{.Spec.TaskTemplate.ContainerSpec.Image}}'",
    ).strip()  # fmt: skip
    running.docker_on("worker-1", "image", "rm", "--force", image)
    running.yard.run("scale", "timeoff", "web=3")
    running.yard.run("scale", "timeoff", "web=2")
    assert_well_after(running, users)


def test_the_pipelines_keys(running: Running, users: Prober, doors: Doors) -> None:
    files = ("ci_admin_token", "ci_runner_token", "ci_ssh_key", "ci_vault_key")
    old = {file: doors.secret(file) for file in files}

    def let_in(kept: dict[str, str]) -> tuple[bool, bool, bool]:
        """The API's administrator, a runner, and the controller on a node."""
        runner = doors.by_token("ci", "/runner/attempts/none/deploy?step=a", kept[files[1]])
        said = doors.by_key(kept["ci_ssh_key"])
        assert said == "in" or "Permission denied" in said, said
        return doors.by_token("ci", "/api/me", kept[files[0]]) == 200, runner != 401, said == "in"

    assert let_in(old) == (True, True, True)
    running.yard.run("rotate", "pipeline-keys", "--yes")
    new = {file: doors.secret(file) for file in files}
    assert let_in(old) == (False, False, False)
    assert let_in(new) == (True, True, True)
    # The first key encrypts, all decrypt.
    first, *others = new["ci_vault_key"].split()
    assert others == old["ci_vault_key"].split()
    assert first not in others
    assert_well_after(running, users)


def test_the_password_of_the_databases_administrator(
    running: Running, world: World, users: Prober, doors: Doors
) -> None:
    admin = Admin(doors, world, database_server())
    known = "known-to-the-drill-7Qm4"
    admin.give(known)
    wait_until(lambda: admin.lets_in(known), clock=SystemClock(), deadline=SOON, interval=1)
    before = admin.stored()
    running.yard.run("rotate", "database-admin-password", "--yes")
    wait_until(lambda: not admin.lets_in(known), clock=SystemClock(), deadline=SOON, interval=1)
    assert before != admin.stored() != ""
    assert_well_after(running, users)


def test_the_dashboards_password(
    running: Running,
    users: Prober,
    doors: Doors,
    record_property: Callable[[str, object], None],
) -> None:
    """Traefik is started anew with it; how long that takes is written down."""
    rotate_password(running, doors, "dashboard", "/api/overview", "admin", service="traefik")
    assert running.yard.json("status")["ok"] is True
    traffic = users.traffic()
    record_property("requests that found no Traefik", f"{traffic.failed} of {traffic.requests}")
