"""A manager's state copied and proved by the nodes' program, on a real Swarm."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import beeyard.provision
from beeyard.process import Command, Completed
from beeyard.waiting import SystemClock, wait_until

pytestmark = pytest.mark.real

PROGRAM = Path(beeyard.provision.__file__).parent / "ansible/roles/backups/files/backup"
AT = "/usr/local/lib/beeyard/backup"
COPY = "/var/tmp/copy.tar"
#: What is in the Swarm: a service with a secret, a config, labels and a network.
FILL = """
set -e
mkdir -p /etc/beeyard/secrets && echo hush > /etc/beeyard/secrets/shop_key
echo hush | docker secret create --label of=shop shop_key -
echo plain | docker config create shop_settings -
docker network create --driver overlay --attachable shop_net
docker service create --detach --name shop --secret shop_key --config shop_settings \\
    --network shop_net --endpoint-mode dnsrr --label a=b --replicas 2 "$1" sleep 100000
docker node update --label-add shop=yes worker-1
"""
EMPTY = """
docker service rm shop; docker config rm shop_settings; docker secret rm shop_key
until docker network rm shop_net; do sleep 0.5; done
docker node update --label-rm shop worker-1; rm -rf /etc/beeyard
"""
#: A network that the Swarm has forgotten, and the engine has not: `sleep` takes no SIGTERM.
REMOVE = """
set -e
docker network create --driver overlay gone_net
docker service create --quiet --name gone --network gone_net --endpoint-mode dnsrr \\
    --constraint node.hostname==manager-1 --stop-grace-period 60s "$1" sleep 100000
docker service rm gone
until docker network rm gone_net; do sleep 0.2; done
"""
REMOVED = """
docker kill $(docker ps --quiet --filter label=com.docker.swarm.service.name=gone)
while docker network inspect gone_net; do sleep 0.2; done
"""
#: Leaves an engine that stands still, as a copier that is killed would.
KILLED = """
import os, signal
from raft_freeze import engine_pid, frozen
with frozen(engine_pid()):
    os.kill(os.getpid(), signal.SIGKILL)
"""


class Node:
    """A node, and the program on it."""

    def __init__(self, swarm: Any, name: str) -> None:
        self.runner = swarm.on(name)
        files = {path.name: path.read_text() for path in PROGRAM.glob("*.py")}
        self._run(_UNPACK, AT, data=json.dumps(files).encode())

    def python(self, code: str) -> Any:
        """Run code among the program's modules; what it prints, parsed."""
        done = self._run(_AMONG + code)
        assert done.code == 0, done.stderr
        return json.loads(done.stdout)

    def refusal(self, code: str) -> str:
        """The last line that it says, where it fails."""
        done = self._run(_AMONG + code)
        assert done.code != 0
        return done.stderr.splitlines()[-1] if done.stderr else ""

    def succeeds(self, code: str) -> bool:
        return self._run(_AMONG + code).code == 0

    def sh(self, script: str, *arguments: str) -> str:
        done: Completed = self.runner.run(Command(["sh", "-c", script, "sh", *arguments]))
        return done.stdout

    def _run(self, code: str, *arguments: str, data: bytes = b"") -> Completed:
        command = Command(["python3", "-I", "-c", code, *arguments], input=data, timeout=120)
        done: Completed = self.runner.run(command, check=False)
        return done


_AMONG = f"import sys\nsys.path.insert(0, {AT!r})\n"
_UNPACK = """
import json, pathlib, sys
place = pathlib.Path(sys.argv[1])
place.mkdir(parents=True, exist_ok=True)
for name, text in json.load(sys.stdin).items():
    (place / name).write_text(text)
"""
_TAKE = f"""
import json, kind_raft
with open({COPY!r}, "wb") as out:
    facts = kind_raft.write(out, {{}})
print(json.dumps([facts, kind_raft.versions({{}})]))
"""


def _of(what: str) -> str:
    return f"""
import json, kind_raft
with open({COPY!r}, "rb") as stream:
    print(json.dumps(kind_raft.{what}(stream, {{}})))
"""


@pytest.fixture(scope="module")
def node(real_swarm: Any) -> Iterator[Node]:
    """The manager of a Swarm that has something to lose."""
    found = Node(real_swarm, "manager-1")
    found.sh(FILL, real_swarm.tiny)
    try:
        yield found
    finally:
        found.sh(EMPTY)


def test_what_was_copied_is_what_the_swarm_is(node: Node) -> None:
    facts, versions = node.python(_TAKE)

    names = set(facts)
    assert {"service shop", "secret shop_key", "config shop_settings", "network shop_net"} <= names
    assert {name.split(" (")[0] for name in names if name.startswith("node ")} == {
        "node manager-1",
        "node worker-1",
        "node worker-2",
    }
    assert float(versions["stood still (s)"]) < 2
    assert float(versions["proved in (s)"]) > 0
    assert facts == node.python("import json, swarm; print(json.dumps(swarm.main(['seen'])))")
    assert node.python(_of("read")) == facts
    assert node.python(_of("verify")) == facts
    assert "beeyard/secrets/shop_key" in node.sh(f"tar -tf {COPY}")


def test_an_authority_that_was_rotated_is_not_rotated_again(node: Node) -> None:
    """Else a Swarm made of the copy would begin to give every node another certificate."""
    node.sh("docker swarm ca --rotate --quiet && docker swarm join-token --rotate worker")
    facts, _ = node.python(_TAKE)
    assert node.python(_of("verify")) == facts


def test_a_network_that_was_removed_is_none_though_the_engine_lists_it(
    real_swarm: Any, node: Node
) -> None:
    node.sh(REMOVE, real_swarm.tiny)
    try:
        facts, _ = node.python(_TAKE)
        assert "gone_net" in node.sh("docker network ls")
        assert "network shop_net" in facts
        assert "network gone_net" not in facts
    finally:
        node.sh(REMOVED)


def test_looking_at_it_leaves_nothing_and_starts_nothing(node: Node) -> None:
    before = node.sh("docker ps --quiet --no-trunc; pgrep dockerd; ls /var/lib/beeyard; ctr ns ls")
    node.python(_of("verify"))
    after = node.sh("docker ps --quiet --no-trunc; pgrep dockerd; ls /var/lib/beeyard; ctr ns ls")
    assert after == before


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("docker node update --label-add shop=no worker-1", "node worker-1"),
        ("docker service update --detach --label-add a=c shop", "service shop"),
        ("echo x | docker secret create another -", "secret another"),
    ],
)
def test_what_is_otherwise_is_named(node: Node, change: str, says: str) -> None:
    """What a copy holds is told from what the Swarm has become since."""
    node.python(_TAKE)
    copied = node.python(_of("verify"))
    node.sh(change)
    now = node.python("import json, swarm; print(json.dumps(swarm.main(['seen'])))")
    node.sh("docker secret rm another || true")
    assert now["/etc/beeyard"] == copied["/etc/beeyard"]
    differing = {name for name in {*copied, *now} if copied.get(name) != now.get(name)}
    assert [name.split(" (")[0] for name in differing] == [says]


def test_an_engine_whose_copier_was_killed_goes_on(node: Node) -> None:
    node.refusal(KILLED)
    # Answers only once it goes on.
    took = node.runner.run(Command(["docker", "info"], timeout=20)).seconds
    assert took < 3
    assert "State:\tT" not in node.sh("cat /proc/$(cat /run/docker.pid)/status")


def test_of_several_managers_one_that_follows_is_copied(real_swarm: Any, node: Node) -> None:
    """The one that leads would have the others elect another while it stands still."""
    follower = Node(real_swarm, "worker-1")
    node.sh("docker node promote worker-1")
    try:
        # A new manager's copy is refused until it has caught up with what the Swarm is.
        wait_until(lambda: follower.succeeds(_TAKE), clock=SystemClock(), deadline=60, interval=1)
        facts, versions = follower.python(_TAKE)
        assert float(versions["stood still (s)"]) < 2
        assert {"service shop", "secret shop_key", "config shop_settings"} <= set(facts)
        assert follower.python(_of("verify")) == facts
        assert node.refusal(_TAKE).endswith(
            "manager-1 leads the Swarm: take the copy on another manager"
        )
    finally:
        node.sh("docker node demote worker-1")
        node.sh(
            "until docker node ls | grep -q 'worker-1 *Ready *Active *[0-9]'; do sleep 0.2; done"
        )


def test_a_worker_has_nothing_to_copy(real_swarm: Any, node: Node) -> None:
    said = Node(real_swarm, "worker-1").refusal(_TAKE)
    assert said.endswith("worker-1 is no manager of a Swarm that works")


def test_a_manager_that_lives_is_not_restored(node: Node) -> None:
    node.python(_TAKE)
    said = node.refusal(_of("restore"))
    assert "this node is in a Swarm (its engine says: active)" in said


def test_a_locked_swarm_is_refused_in_words(node: Node) -> None:
    node.sh("docker swarm update --autolock=true")
    try:
        said = node.refusal(_TAKE)
    finally:
        node.sh("docker swarm update --autolock=false")
    assert "the Swarm is locked (autolock)" in said
