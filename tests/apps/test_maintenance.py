"""The maintenance page: where it stands before an application, and where not."""

import json
import re
from typing import Any

import pytest

from beeyard.apps.maintenance import BY, contents, labels, page_of, stack, urls
from beeyard.errors import AppError
from beeyard.swarm import Service, Snapshot
from swarm.swarms import service, swarm

RULE = "Host(`shop.example.com`)"
ROUTER = "traefik.http.routers.shop"
WEB = {
    "traefik.enable": "true",
    f"{ROUTER}.rule": RULE,
    f"{ROUTER}.entrypoints": "https",
    f"{ROUTER}.tls.certresolver": "le",
    f"{ROUTER}.middlewares": "shop-users,shop-retry",
    f"{ROUTER}.service": "shop",
    "traefik.http.services.shop.loadbalancer.server.port": "8000",
    "traefik.http.middlewares.shop-retry.retry.attempts": "3",
}
PROXY = service("traefik_socket-proxy", "manager-1", image="haproxy:2.6@sha256:abc")


def app(labels: dict[str, str], name: str = "web") -> Service:
    return service(f"shop_{name}", "worker-1", stack="shop", labels=labels)


def routers(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    """The page's routers, with their options."""
    found: dict[str, dict[str, str]] = {}
    for label, value in labels(snapshot, "shop", shown=True).items():
        match = re.fullmatch(r"traefik\.http\.routers\.([^.]+)\.(.+)", label)
        if match:
            found.setdefault(match[1], {})[match[2]] = value
    return found


def test_it_takes_what_the_application_would_get_and_nothing_else() -> None:
    assert routers(swarm(app(WEB))) == {
        "beeyard-shop-maintenance": {
            "rule": RULE,
            "entrypoints": "https",
            "tls.certresolver": "le",
            "service": "beeyard-shop-maintenance",
            "middlewares": "beeyard-shop-maintenance",
            # Without a priority, Traefik takes the rule's length: another application's
            # `Host(…) && PathPrefix(…)` on the same host is longer, and stays before the page.
            "priority": str(len(RULE) + 1),
        }
    }


@pytest.mark.parametrize(
    ("said", "priority"), [("7", "8"), ("0", str(len(RULE) + 1)), ("-3", str(len(RULE) + 1))]
)
def test_it_comes_just_before_the_application(said: str, priority: str) -> None:
    (options,) = routers(swarm(app(WEB | {f"{ROUTER}.priority": said}))).values()
    assert options["priority"] == priority


def test_every_service_that_traefik_routes_to() -> None:
    api = {
        "traefik.enable": "True",
        "traefik.http.routers.api.rule": "Host(`api.example.com`) || Host(`old.example.com`)",
        "traefik.http.routers.other.entrypoints": "https",
    }
    hidden = {"traefik.enable": "false", "traefik.http.routers.hidden.rule": "Host(`h.example`)"}
    elsewhere = service("wiki_web", "worker-1", stack="wiki", labels=WEB)
    snapshot = swarm(app(WEB), app(api, "api"), app(hidden, "hidden"), elsewhere)
    assert sorted(routers(snapshot)) == ["beeyard-api-maintenance", "beeyard-shop-maintenance"]
    assert [url.url for url in urls(snapshot, "shop", 8443)] == [
        "https://api.example.com:8443/",
        "https://old.example.com:8443/",
        "https://shop.example.com:8443/",
    ]


def test_the_page_is_no_part_of_what_it_stands_before() -> None:
    page = app(labels(swarm(app(WEB)), "shop", shown=True), "maintenance")
    assert routers(swarm(app(WEB), page)) == routers(swarm(app(WEB)))
    assert urls(swarm(app(WEB), page), "shop", 443) == urls(swarm(app(WEB)), "shop", 443)
    assert page_of(swarm(app(WEB), page), "shop") == page
    assert page_of(swarm(app(WEB)), "shop") is None


def test_traefik_is_told_of_it_only_when_it_is_shown() -> None:
    for shown in (True, False):
        found = labels(swarm(app(WEB)), "shop", shown=shown)
        assert found["traefik.enable"] == ("true" if shown else "false")


def test_an_application_that_has_no_address() -> None:
    with pytest.raises(AppError, match="shop has no address at which a page could be shown"):
        labels(swarm(app({})), "shop", shown=True)


def test_an_application_with_a_service_of_that_name() -> None:
    with pytest.raises(AppError, match="shop has a service called maintenance itself"):
        page_of(swarm(app({}, "maintenance")), "shop")


def test_a_cluster_without_the_image() -> None:
    with pytest.raises(AppError, match="there is no image") as caught:
        stack(swarm(app(WEB)), "shop", contents("shop"), shown=True)
    assert "traefik_socket-proxy" in str(caught.value.why)


def test_the_stack_has_its_files_and_no_variables() -> None:
    regexp = {**WEB, f"{ROUTER}.rule": "HostRegexp(`^.+$`)"}
    made = contents("shop")
    page = stack(swarm(PROXY, app(regexp)), "shop", made, shown=False, by="a restore")
    document: Any = json.loads(page.text)
    assert document["services"]["maintenance"]["deploy"]["labels"][BY] == "a restore"
    (page,) = document["services"].values()
    assert page["image"] == "haproxy:2.6@sha256:abc"
    assert page["deploy"]["labels"]["traefik.http.routers.beeyard-shop-maintenance.rule"] == (
        "HostRegexp(`^.+$$`)"
    )
    named = {each["source"]: each["target"] for each in page["configs"]}
    assert named == {content.name: path for path, content in made.items()}
    assert set(document["configs"]) == set(named)
    assert all(name.startswith("beeyard.shop.maintenance.") for name in named)
