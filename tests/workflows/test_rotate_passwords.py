"""Which services the registry's new password has to reach before its rotation is done."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.apps import Credentials
from beeyard.errors import SwarmError
from beeyard.secret import Secret
from beeyard.swarm import Service
from beeyard.swarm.model import Update
from beeyard.workflows import Cluster, Event
from beeyard.workflows import rotate_passwords as workflow
from beeyard.workflows.images import registry_place
from beeyard.workflows.rotate_passwords import _sign_in_again
from swarm.swarms import service, swarm

Rotate = Callable[..., list[str]]


@pytest.fixture
def signed_in_again(
    make_cluster: Callable[..., Cluster], events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> Rotate:
    """Have services, with an image of the registry each, get the new password: what was said."""
    cluster = make_cluster()
    given: list[str] = []
    images = SimpleNamespace(credentials=lambda _: Credentials("beeyard", Secret("new")))
    monkeypatch.setattr(workflow, "Images", lambda *_: images)

    def renew(_: object, due: tuple[Service, ...], *__: object) -> dict[str, str]:
        given.extend(one.name for one in due)
        return {}

    monkeypatch.setattr(workflow, "renew", renew)

    def sign_in(*services: Service) -> list[str]:
        place = registry_place(cluster.spec)
        there = swarm(*(replace(one, image=f"{place}/{one.name}:1") for one in services))

        @contextmanager
        def manager() -> Iterator[Any]:
            yield SimpleNamespace(snapshot=lambda: there, client=None)

        hosts: Any = SimpleNamespace(swarm=manager)
        _sign_in_again(cluster, hosts)
        return given

    return sign_in


def ended(name: str) -> Service:
    """One whose only task has done what it was there for."""
    one = service(name, "worker-1")
    (task,) = one.tasks
    return replace(one, tasks=(replace(task, state="complete", desired="shutdown"),))


def test_what_has_ended_for_good_is_said_and_no_error(
    signed_in_again: Rotate, events: list[Event]
) -> None:
    """Else no rotation came to its backup, however often it was run, each with another password."""
    job = service("report", "worker-1", mode="replicated-job")
    assert signed_in_again(service("web", "worker-1"), job, ended("migrate")) == ["web"]
    said = [one.text for one in events]
    assert any("report keeps the old one until it is deployed again" in text for text in said)
    assert any("migrate keeps the old one until it is deployed again" in text for text in said)
    assert said[-1] == "1 made anew, 2 left as they are"


def test_one_that_is_being_changed_gets_it_later(signed_in_again: Rotate) -> None:
    busy = service("web", "worker-1", update=Update("updating", ""))
    with pytest.raises(SwarmError) as caught:
        signed_in_again(busy, ended("migrate"))
    assert caught.value.what == "web still have the old password of the registry"
    assert caught.value.fix == "when that is over, run this again"
