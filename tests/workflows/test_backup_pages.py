"""Which maintenance pages a restore puts up and takes down."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest

from beeyard.apps.maintenance import BY, LABEL
from beeyard.errors import HostError
from beeyard.swarm import Service
from beeyard.workflows import backup_pages
from beeyard.workflows.backup_pages import behind_pages, to_show
from beeyard.workflows.backup_words import Unchanged
from swarm.swarms import service, swarm

BY_US = "backup restore files"


@pytest.mark.parametrize(
    ("error", "left"), [(None, []), (Unchanged("no"), []), (HostError("no"), ["shop"])]
)
def test_the_pages_stay_where_something_was_changed(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None, left: list[str]
) -> None:
    shown: list[str] = []

    @contextmanager
    def manager() -> Iterator[Any]:
        yield SimpleNamespace(snapshot=lambda: swarm(app("shop")))

    def switch(name: str, *, on: bool, by: str = "") -> None:
        (shown.append if on else shown.remove)(name)
        assert by == (BY_US if on else "")

    hosts: Any = SimpleNamespace(
        swarm=manager, outputs=SimpleNamespace(ingress=SimpleNamespace(https_port=443))
    )
    monkeypatch.setattr(backup_pages, "Deployer", lambda _, __, name: name)
    monkeypatch.setattr(backup_pages, "switch_maintenance", switch)
    with suppress(HostError), behind_pages(hosts, ["shop"], BY_US):
        assert shown == ["shop"]
        if error:
            raise error
    assert shown == left


def app(name: str) -> Service:
    labels = {"traefik.enable": "true", f"traefik.http.routers.{name}.rule": "Host(`a.example`)"}
    return service(f"{name}_web", "worker-1", stack=name, labels=labels)


def page(name: str, by: str = "") -> Service:
    labels = {LABEL: "true", "traefik.enable": "true"} | ({BY: by} if by else {})
    return service(f"{name}_maintenance", "manager-1", stack=name, labels=labels)


def test_those_of_a_run_that_was_killed_are_ours_again() -> None:
    names = ("shop", "blog", "wiki", "mail", "silent")
    services = [
        app("shop"),
        app("blog"),
        page("blog", BY_US),
        app("wiki"),
        page("wiki"),
        app("mail"),
    ]
    services += [page("mail", "backup restore database")]
    ours, others = to_show(swarm(*services), names, 443, BY_US)
    assert ours == ("shop", "blog")
    assert others == ("wiki", "mail")
