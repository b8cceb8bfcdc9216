"""A registry's password that ends, on a real Swarm: what its services keep is replaced in time.

The registry of the tests knows a user AWS, whose password is changed as ECR's ends. Nobody is
signed in as AWS on any node; the manager's own sign-in, as another user, is not to be used.
"""

import json
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest

import registry
from apps.rollouts import SERVES, Place, push_image, remove_application
from beeyard.apps import Bundle, Credentials, Site
from beeyard.apps.deploy import deploy_to
from beeyard.apps.images import pinned, pull
from beeyard.apps.kept import renew, renewals
from beeyard.apps.lock import Lock
from beeyard.apps.registry_auth import EndingAuth, Lent
from beeyard.controller.keeping import Keeping
from beeyard.errors import AppError, CloudError
from beeyard.process import Command
from beeyard.secret import Secret
from beeyard.swarm import Manager, Patience, Service, await_converged
from beeyard.testing import FakeClock
from beeyard.waiting import SystemClock, wait_until
from beeyard.workflows import Progress
from beeyard.workflows.kept import busy_of, keep_signed_in
from beeyard.workflows.progress import in_a_line

pytestmark = [pytest.mark.real, pytest.mark.slow(7)]

HOUR = 3600.0
QUICK = Patience(deadline=40, settle=1, failures=2)


@dataclass
class Ecr:
    """The registry of the tests as ECR: its password is another one with every `end`."""

    swarm: Any
    number: int = 1
    clock: FakeClock = field(default_factory=FakeClock)

    @property
    def password(self) -> str:
        return f"password-{self.number}"

    def lend(self) -> Lent:
        return Lent(Credentials("AWS", Secret(self.password)), 12 * HOUR)

    def end(self) -> None:
        """Twelve hours go by."""
        self.number += 1
        self.clock.sleep(12 * HOUR)
        registry.set_users(self.swarm.folder, {"AWS": self.password})

    def auth(self) -> EndingAuth:
        return EndingAuth(self.swarm.registry, self.lend, self.clock)


@pytest.fixture
def ecr(real_swarm: Any) -> Iterator[Ecr]:
    made = Ecr(real_swarm)
    registry.set_users(real_swarm.folder, {"AWS": made.password})
    try:
        yield made
    finally:
        registry.set_users(real_swarm.folder, {})


@dataclass
class Yard:
    """The Swarm as a deploy sees it, signed in as AWS."""

    ecr: Ecr
    site: Site
    image: str

    @property
    def manager(self) -> Manager:
        return self.site.manager

    def deploy(self, name: str, *services: str) -> None:
        """Services of one task each: `agent` on the manager, `once` there, to its end; others on
        workers."""
        made = {
            "agent": _service(self.image, SERVES, "manager"),
            "once": _service(self.image, "exit 0", "manager", "none"),
        }
        named = {one: made.get(one) or _service(self.image, SERVES, "worker") for one in services}
        text = json.dumps({"version": "3.8", "services": named})
        deploy_to(self.site, name, Bundle(text))

    def service(self, name: str) -> Service:
        return next(one for one in self.manager.snapshot().services if one.name == name)

    def tasks(self, name: str) -> list[tuple[str, str | None, str]]:
        return [(one.id, one.node, one.state) for one in self.service(name).tasks]

    def drained(self, node: str, availability: str = "drain") -> None:
        argv = ["docker", "node", "update", "--availability", availability, node]
        self.site.runner.run(Command(argv))


def _service(image: str, command: str, role: str, condition: str = "any") -> dict[str, Any]:
    return {
        "image": image,
        "command": ["/bin/sh", "-c", command],
        "stop_grace_period": "1s",
        "deploy": {
            "placement": {"constraints": [f"node.role == {role}"]},
            "restart_policy": {"condition": condition, "delay": "100ms"},
        },
    }


@pytest.fixture
def yard(ecr: Ecr, real_swarm: Any, manager: Manager) -> Iterator[Yard]:
    place, auth = Place(str(real_swarm.ssh_config), real_swarm.registry), ecr.auth()
    site = replace(
        place.site(manager),
        credentials=lambda host: auth.credentials() if host == auth.host else None,
        unkept=frozenset({auth.host}),
    )
    image = pinned(
        manager.client, push_image(real_swarm, f"ends:{time.time_ns()}"), ecr.lend().credentials
    )
    made = Yard(ecr, site, image)
    try:
        yield made
    finally:
        for node in ("worker-1", "worker-2"):
            made.drained(node, "active")
        for stack in ("ends", "other"):
            remove_application(place, manager, stack)


def test_a_task_starts_on_another_node_after_the_password_has_ended(yard: Yard) -> None:
    yard.drained("worker-2")
    pull(yard.site, {"worker-1": [yard.image], "manager-1": [yard.image]})
    yard.deploy("ends", "web", "agent")
    yard.deploy("other", "web")
    names = ("ends_web", "ends_agent", "other_web")
    await_converged(yard.manager, names, patience=QUICK)
    before = {name: yard.tasks(name) for name in names}
    yard.drained("worker-2", "active")

    yard.ecr.end()
    found = renewals(yard.manager.snapshot(), yard.ecr.swarm.registry, "ends")
    assert [one.name for one in found.due] == ["ends_agent", "ends_web"]
    known = yard.site.credentials(yard.ecr.swarm.registry)
    assert known is not None
    assert known.password.reveal() == "password-2"
    assert renew(yard.manager.client, found.due, known, lambda _: None) == {}
    after = yard.manager.snapshot()
    versions = {one.name: one.version for one in after.services}
    assert all(versions[one.name] > one.version for one in found.due)
    assert {one.name: one.definition for one in found.due} == {
        one.name: one.definition for one in after.stack("ends")
    }

    yard.drained("worker-1")
    # What kept the old password is told to go there, too, and can't.
    wait_until(
        lambda: any(state == "rejected" for _, _, state in yard.tasks("other_web")),
        clock=SystemClock(),
        deadline=60,
    )
    refused = next(one for one in yard.service("other_web").tasks if one.state == "rejected")
    assert refused.node == "worker-2"
    assert "No such image" in str(refused.error)
    await_converged(yard.manager, ["ends_web", "ends_agent"], patience=QUICK)
    # One task moved, and one never stopped: the renewal itself started none.
    ((was, _, _),) = before["ends_web"]
    moved = {task: (node, state) for task, node, state in yard.tasks("ends_web")}
    assert moved.pop(was) == ("worker-1", "shutdown")
    assert list(moved.values()) == [("worker-2", "running")]
    assert yard.tasks("ends_agent") == before["ends_agent"]

    # Given the new one, the other gets its image, too.
    late = renewals(yard.manager.snapshot(), yard.ecr.swarm.registry, "other")
    assert renew(yard.manager.client, late.due, known, lambda _: None) == {}
    await_converged(yard.manager, ["other_web"], patience=QUICK)


def test_no_node_keeps_it(yard: Yard) -> None:
    pull(yard.site, {"worker-1": [yard.image]})
    yard.deploy("ends", "agent")
    await_converged(yard.manager, ["ends_agent"], patience=QUICK)
    search = (
        "grep -rlE 'QVdTOnBhc3N3b3Jk|password-1' /root /home /tmp /etc /run/user 2>/dev/null; true"
    )
    for node in ("manager-1", "worker-1"):
        said = yard.site.node(node).run(Command(["sh", "-c", search], timeout=60))
        assert said.stdout == ""


def test_one_that_has_ended_is_said_in_words(yard: Yard) -> None:
    held = yard.ecr.lend().credentials
    yard.ecr.end()
    site = replace(yard.site, credentials=lambda _: held)
    with pytest.raises(AppError) as caught:
        pull(site, {"worker-2": [yard.image]})
    assert caught.value.where == "node worker-2"
    assert f"see that the sign-in to {yard.ecr.swarm.registry} is right and has not ended" in str(
        caught.value.fix
    )
    with pytest.raises(AppError) as caught:
        pinned(yard.manager.client, yard.image.partition("@")[0], held)
    assert "has not ended" in str(caught.value.fix)


def test_what_has_come_to_its_end_would_be_run_again(yard: Yard) -> None:
    """Why services with such tasks are left alone: here, Swarm does compare the sign-in."""
    pull(yard.site, {"manager-1": [yard.image]})
    yard.deploy("ends", "once")

    def runs() -> list[str]:
        return [state for _, _, state in yard.tasks("ends_once")]

    wait_until(lambda: runs() == ["complete"], clock=SystemClock(), deadline=30)
    snapshot = yard.manager.snapshot()
    found = renewals(snapshot, yard.ecr.swarm.registry)
    assert found.ended == {"ends_once": "ends_once.1 has come to its end, and would be run again"}
    known = Credentials("AWS", Secret("another"))
    assert renew(yard.manager.client, snapshot.stack("ends"), known, lambda _: None) == {}
    wait_until(lambda: runs() == ["complete", "complete"], clock=SystemClock(), deadline=30)


def test_an_application_that_is_being_changed_is_left_alone(yard: Yard) -> None:
    pull(yard.site, {"manager-1": [yard.image]})
    yard.deploy("ends", "agent")
    await_converged(yard.manager, ["ends_agent"], patience=QUICK)
    found = renewals(yard.manager.snapshot(), yard.ecr.swarm.registry)
    busy = busy_of(yard.manager, SystemClock(), lambda _: None)
    with Lock(yard.manager.client, "ends", "deploy"):
        left = renew(yard.manager.client, found.due, yard.ecr.lend().credentials, busy)
    assert left["ends_agent"].startswith("ends is being changed: ")
    assert yard.service("ends_agent").version == found.due[0].version
    # By somebody who does not ask for the lock.
    stale = [replace(one, version=one.version - 1) for one in found.due]
    left = renew(yard.manager.client, stale, yard.ecr.lend().credentials, busy)
    assert left == {"ends_agent": "somebody else has changed it at this moment"}


class TestTheController:
    """Looks after all of them, for as long as it runs."""

    def keeping(self, yard: Yard, auth: Any) -> Keeping:
        inside = SimpleNamespace(auth=auth, swarm=lambda: nullcontext(yard.manager))
        return Keeping(cast(Any, inside), SystemClock())

    def test_each_new_one_is_handed_over_once(
        self, yard: Yard, caplog: pytest.LogCaptureFixture
    ) -> None:
        pull(yard.site, {"manager-1": [yard.image]})
        yard.deploy("ends", "agent", "once")
        await_converged(yard.manager, ["ends_agent"], patience=QUICK)
        before = yard.tasks("ends_agent")
        keeping = self.keeping(yard, yard.ecr.auth())

        def version() -> int:
            return yard.service("ends_agent").version

        seen = [version()]
        for hours in (0, 0, 3, 2, 1):
            yard.ecr.clock.sleep(hours * HOUR)
            keeping.look()
            seen.append(version())
        # At its start, and when a third of the life is over.
        assert [after > was for was, after in pairwise(seen)] == [True, False, False, True, False]
        assert yard.tasks("ends_agent") == before
        assert yard.tasks("ends_once")[0][2] == "complete"

    def test_what_fails_is_said_once_and_tried_again(
        self, yard: Yard, caplog: pytest.LogCaptureFixture
    ) -> None:
        pull(yard.site, {"manager-1": [yard.image]})
        yard.deploy("ends", "agent")
        await_converged(yard.manager, ["ends_agent"], patience=QUICK)
        lender = yard.ecr.auth()
        error: list[CloudError] = [CloudError("there is no sign-in to r", why="x", fix="mend it")]

        def ask() -> Lent:
            if error:
                raise error[0]
            return yard.ecr.lend()

        lender.ask = ask
        keeping, was = self.keeping(yard, lender), yard.service("ends_agent").version
        for _ in range(2):
            keeping.look()
        (said,) = caplog.messages
        assert "there is no sign-in to r" in said
        assert "do:    mend it" in said
        error.clear()
        with Lock(yard.manager.client, "ends", "deploy"):
            keeping.look()
            assert yard.service("ends_agent").version == was
        keeping.look()
        assert yard.service("ends_agent").version > was


class TestCommands:
    """What has tasks start elsewhere sees to it first."""

    def cluster(self, said: list[str], auth: Any) -> Any:
        progress = Progress(lambda event: said.append(in_a_line(event)))
        return SimpleNamespace(ending_auth=auth, progress=progress, clock=SystemClock())

    def test_they_replace_what_is_kept(self, yard: Yard) -> None:
        pull(yard.site, {"manager-1": [yard.image]})
        yard.deploy("ends", "agent", "once")
        await_converged(yard.manager, ["ends_agent"], patience=QUICK)
        wait_until(
            lambda: yard.tasks("ends_once")[0][2] == "complete", clock=SystemClock(), deadline=30
        )
        was, said = yard.service("ends_agent").version, list[str]()
        cluster = self.cluster(said, yard.ecr.auth())
        # Of an application whose lock is held already: by who asks.
        with Lock(yard.manager.client, "ends", "deploy"):
            keep_signed_in(cluster, yard.manager)
            assert yard.service("ends_agent").version == was
            keep_signed_in(cluster, yard.manager, "ends")
        assert yard.service("ends_agent").version > was
        assert any("ends is being changed" in line for line in said)
        assert any("1 made anew" in line for line in said)
        assert any("would be run again" in line for line in said)

    def test_what_fails_hinders_none_of_them(self, yard: Yard) -> None:
        def ask() -> Lent:
            raise CloudError("there is no sign-in to r", why="it is so")

        auth, said = EndingAuth("r", ask, yard.ecr.clock), list[str]()
        keep_signed_in(self.cluster(said, auth), yard.manager)
        assert any("warning: they are as they were: there is no sign-in to r" in s for s in said)

    def test_other_registries_are_not_asked(self, yard: Yard) -> None:
        said: list[str] = []
        keep_signed_in(self.cluster(said, None), yard.manager)
        assert said == []
