"""Which maintenance pages a restore puts up and takes down."""

from beeyard.apps.maintenance import BY, LABEL
from beeyard.swarm import Service
from beeyard.workflows.backup_pages import to_show
from swarm.swarms import service, swarm

BY_US = "backup restore files"


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
