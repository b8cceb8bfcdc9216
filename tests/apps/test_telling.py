"""The manager told what a stack is to be, and what is said and done where it does not listen."""

import base64
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from apps.example import release
from beeyard.apps import Bundle, Credentials, Site
from beeyard.apps.deploy import stack_deploy
from beeyard.apps.lock import LockLost
from beeyard.apps.recovery import put_back
from beeyard.errors import AppError, SwarmError
from beeyard.secret import Secret
from beeyard.swarm import TunnelEnded
from beeyard.testing import FakeClock, FakeRunner
from swarm.swarms import swarm

BUNDLE = Bundle("services: {web: {image: a}}\n", {"A": "1"})
WITH_FILE = Bundle("services: {web: {image: a, env_file: a.env}}\n", {}, {"a.env": "A=1\n"})
NO_LEADER = "Error response from daemon: rpc error: The swarm does not have a leader."


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (255, "ssh: connect to host manager-1 port 22: Connection refused"),
        (1, "Cannot connect to the Docker daemon at unix:///var/run/docker.sock."),
        (1, NO_LEADER),
        (1, "rpc error: code = DeadlineExceeded desc = context deadline exceeded"),
    ],
)
def test_a_manager_that_is_away_is_no_fault_of_the_files(code: int, said: str) -> None:
    manager = FakeRunner().expect("docker", "stack", "deploy", ..., code=code, stderr=said)
    with pytest.raises(SwarmError) as caught, manager:
        stack_deploy("shop", BUNDLE, manager)
    assert caught.value.what == "the manager could not be told what the stack shop is to be"
    assert caught.value.why == said


def test_what_docker_refuses_is() -> None:
    said = "services.web.image must be a string"
    manager = FakeRunner().expect("docker", "stack", "deploy", ..., code=1, stderr=said)
    with pytest.raises(AppError, match="Docker refused the stack shop"), manager:
        stack_deploy("shop", BUNDLE, manager)


def test_a_folder_for_its_files_can_not_be_had() -> None:
    manager = FakeRunner().expect("mktemp", "-d", code=255, stderr="Connection refused")
    with pytest.raises(SwarmError, match="could not be told"), manager:
        stack_deploy("shop", WITH_FILE, manager)


def test_a_folder_that_can_not_be_removed_hides_nothing() -> None:
    with FakeRunner() as manager:
        manager.expect("mktemp", "-d", stdout="/tmp/x\n").expect("tar", "-x", "-C", "/tmp/x")
        manager.expect("docker", ...).expect("rm", ..., code=255)
        stack_deploy("shop", WITH_FILE, manager)
    assert manager.calls[2].cwd == Path("/tmp/x")


class TestPutBack:
    def put(self, manager: FakeRunner, clock: FakeClock, allowed: Callable[[], None]) -> None:
        class Manager:
            def snapshot(self) -> Any:
                return swarm()

        none = cast(Any, None)
        site = Site(cast(Any, Manager()), manager, none, none, none, clock)
        put_back(site, release(), {"web": 2}, allowed)

    def test_a_manager_that_is_away_for_a_moment_is_asked_again(self) -> None:
        clock, left = FakeClock(), [SwarmError("the manager did not say"), None, None]

        def allowed() -> None:
            if error := left.pop(0):
                raise error

        with FakeRunner() as manager:
            manager.expect("docker", "stack", "deploy", ..., code=1, stderr=NO_LEADER)
            manager.expect("docker", "stack", "deploy", ...)
            self.put(manager, clock, allowed)
        assert (left, clock.slept) == ([], [2.0, 2.0])

    @pytest.mark.parametrize("error", [LockLost("taken"), TunnelEnded("gone")])
    def test_what_can_not_come_again_is_not_waited_for(self, error: SwarmError) -> None:
        def allowed() -> None:
            raise error

        clock = FakeClock()
        with pytest.raises(type(error)):
            self.put(FakeRunner(), clock, allowed)
        assert clock.slept == []

    def test_it_is_not_asked_for_ever(self) -> None:
        manager = FakeRunner().expect("docker", ..., code=1, stderr=NO_LEADER, times=100)
        clock = FakeClock()
        with pytest.raises(SwarmError, match="could not be told"):
            self.put(manager, clock, lambda: None)
        assert clock.monotonic() == 60


class TestSignIns:
    """What Docker's command line is handed, and does not keep."""

    KNOWN: Mapping[str, Credentials] = {
        "r.example.com": Credentials("AWS", Secret("one:two")),
        "docker.io": Credentials("me", Secret("hush")),
    }

    def test_they_are_in_a_folder_for_as_long_as_it_takes(self) -> None:
        with FakeRunner() as manager:
            manager.expect("mktemp", "-d", stdout="/tmp/x\n").expect("tar", "-x", "-C", "/tmp/x")
            manager.expect("docker", ...).expect("rm", "-rf", "--", "/tmp/x")
            stack_deploy("shop", BUNDLE, manager, self.KNOWN)
        packed = manager.calls[1].input
        assert packed is not None
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            (entry,) = archive.getmembers()
            file = archive.extractfile(entry)
            assert file is not None
            written = json.loads(file.read())
        assert (entry.name, entry.mode) == (".docker/config.json", 0o600)
        assert written["auths"] == {
            "r.example.com": {"auth": base64.b64encode(b"AWS:one:two").decode()},
            "https://index.docker.io/v1/": {"auth": base64.b64encode(b"me:hush").decode()},
        }
        assert manager.calls[2].env == {"A": "1", "DOCKER_CONFIG": "/tmp/x/.docker"}
        assert "one:two" not in str([call.argv for call in manager.calls])

    def test_they_are_gone_where_docker_refuses(self) -> None:
        manager = FakeRunner().expect("mktemp", "-d", stdout="/tmp/x\n").expect("tar", ...)
        manager.expect("docker", ..., code=1).expect("rm", "-rf", "--", "/tmp/x")
        with pytest.raises(AppError), manager:
            stack_deploy("shop", BUNDLE, manager, self.KNOWN)

    def site(self, *unkept: str) -> tuple[Site, list[str]]:
        asked: list[str] = []

        def credentials(registry: str) -> Credentials | None:
            asked.append(registry)
            return self.KNOWN.get(registry)

        none = cast(Any, None)
        return Site(none, none, none, none, credentials, unkept=frozenset(unkept)), asked

    def test_all_that_the_images_need(self) -> None:
        """What it is handed takes the place of what it would find."""
        site, asked = self.site("r.example.com")
        images = ["r.example.com/a:1", "r.example.com/b:1", "redis:7", "quay.io/x"]
        assert site.handed(images) == self.KNOWN
        assert sorted(asked) == ["docker.io", "quay.io", "r.example.com"]

    def test_none_where_the_manager_keeps_what_is_needed(self) -> None:
        site, asked = self.site("r.example.com")
        assert site.handed(["redis:7", "r.example.com.evil/x"]) == {}
        assert asked == []

    def test_the_images_of_a_bundle_as_it_is_filled(self) -> None:
        text = "services: {a: {image: '${R}/a:1'}, b: {image: 'x@sha256:1'}, c: {build: .}}\n"
        assert Bundle(text, {"R": "r.example.com"}).images == {"r.example.com/a:1", "x@sha256:1"}
