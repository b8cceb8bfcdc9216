"""What older releases used is gone from a real Swarm's nodes and registry, and nothing else."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.rollouts import MANAGER, Team, push_image, team, web
from beeyard.apps import Credentials, Verdict
from beeyard.apps.collect import collect
from beeyard.apps.contents import set_secret
from beeyard.apps.references import by_digest
from beeyard.apps.registry import remote_digest
from beeyard.process import Command
from beeyard.secret import Secret
from beeyard.swarm import Manager

pytestmark = [pytest.mark.real, pytest.mark.slow(2)]

NODES = ("manager-1", "worker-1", "worker-2")


@pytest.fixture
def rack(real_swarm: Any, manager: Manager, tmp_path: Path) -> Iterator[Team]:
    with team(real_swarm, manager, tmp_path / "rack", "rack") as made:
        yield made


@pytest.fixture
def neighbour(real_swarm: Any, manager: Manager, tmp_path: Path) -> Iterator[Team]:
    with team(real_swarm, manager, tmp_path / "other", "other") as made:
        yield made


@pytest.fixture
def by_hand(real_swarm: Any) -> Iterator[str]:
    docker = real_swarm.on(MANAGER)
    docker.run(Command(["docker", "secret", "create", "rack_by_hand", "-"], input=b"x"))
    yield "rack_by_hand"
    docker.run(Command(["docker", "secret", "rm", "rack_by_hand"]))


def holders(swarm: Any, image: str) -> list[str]:
    """The nodes that have an image."""
    argv = ["docker", "image", "inspect", by_digest(image)]
    return [n for n in NODES if swarm.on(n).run(Command(argv), check=False).code == 0]


@contextmanager
def running(swarm: Any, node: str, image: str) -> Iterator[None]:
    """A container that nobody knows of."""
    docker = swarm.on(node)
    run = ["docker", "run", "--detach", "--network=none", by_digest(image), "/bin/sleep", "600"]
    container = docker.run(Command(run)).stdout.strip()
    try:
        yield
    finally:
        docker.run(Command(["docker", "rm", "--force", container]))


def test_what_only_older_releases_used_is_removed(
    by_hand: str, rack: Team, neighbour: Team, real_swarm: Any, manager: Manager
) -> None:
    site = replace(rack.site, registry=real_swarm.registry)

    def deploy(image: str, settings: str, secrets: list[str]) -> str:
        rack.write(
            {"web": web(image, replicas=1, configs=["settings"], secrets=secrets)},
            configs={"settings": {"file": "settings"}},
            secrets={name: {"external": True} for name in secrets},
        )
        (rack.folder / "settings").write_text(settings)
        rack.deploy()
        return rack.services["web"].image

    first_token = set_secret(manager.client, "rack", "token", Secret("t1"))
    key = set_secret(manager.client, "rack", "key", Secret("k1"))
    first = deploy(push_image(real_swarm, "rack:1"), "one", ["token", "key", by_hand])
    second_token = set_secret(manager.client, "rack", "token", Secret("t2"))
    second = deploy(push_image(real_swarm, "rack:2"), "two", ["token"])
    third = deploy(push_image(real_swarm, "rack:3"), "two", ["token"])
    one, two, _ = (entry.release for entry in rack.store.all())
    # Another application has a release of the second image.
    neighbour.store.create(replace(two, application="other", number=1))
    neighbour.store.conclude(1, Verdict("succeeded", two.origin.at))
    assert all(holders(real_swarm, image) == list(NODES) for image in (first, second, third))

    said: list[str] = []
    wrong = replace(site, credentials=lambda _: Credentials("ci", Secret("wrong")))
    with running(real_swarm, "worker-2", first):
        collect(wrong, rack.store, 1, said.append)
        assert len(said) == 1
        assert said[0].startswith("warning: what older releases used is still there: ")
        assert said[0].endswith("could not be deleted from its registry: it answered 401")
        assert list(rack.verdicts) == [1, 2, 3]
        collect(site, rack.store, 1, said.append)
    assert said[1:] == ["1 releases are kept, 2 removed with 1 images"]
    assert list(rack.verdicts) == [3]
    # Somebody runs it there by hand.
    assert holders(real_swarm, first) == ["worker-2"]
    assert all(holders(real_swarm, image) == list(NODES) for image in (second, third))
    known = site.credentials(real_swarm.registry)
    there = [remote_digest(manager.client, by_digest(i), known) for i in (first, second, third)]
    assert [digest is not None for digest in there] == [False, True, True]
    assert remote_digest(manager.client, real_swarm.tiny, known) is not None
    snapshot = manager.snapshot()
    assert not set(one.configs) & set(snapshot.configs)
    assert set(two.configs) <= set(snapshot.configs)
    # The latest version of a secret is the next release's; what somebody made by hand is theirs.
    assert first_token not in snapshot.secrets
    assert {second_token, key, by_hand} <= set(snapshot.secrets)
    assert rack.written("web") == ["serving"]

    collect(site, rack.store, 1, said.append)
    assert said[2:] == ["1 releases are kept"]
