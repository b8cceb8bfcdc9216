"""The addresses that Traefik's labels give an application."""

import json
from pathlib import Path

import pytest

from beeyard.apps import app_urls, label_urls, load_stack
from beeyard.errors import AppError


def rule(text: str) -> list[str]:
    return [url.url for url in label_urls("web", {"traefik.http.routers.r.rule": text})]


@pytest.mark.parametrize(
    ("text", "urls"),
    [
        ("Host(`a.test`)", ["https://a.test/"]),
        ('Host("A.test")', ["https://a.test/"]),
        ("Host(`a.test`) && PathPrefix(`/x`)", ["https://a.test/x"]),
        ("Host(`a.test`) || Host(`b.test`)", ["https://a.test/", "https://b.test/"]),
        ("Host(`a.test`, `b.test`)", ["https://a.test/", "https://b.test/"]),
        (
            "(Host(`a.test`) || Host(`b.test`)) && (Path(`/x`) || PathPrefix(`/y`))",
            ["https://a.test/x", "https://a.test/y", "https://b.test/x", "https://b.test/y"],
        ),
        ("Host(`a.test`) && !PathPrefix(`/private`)", ["https://a.test/"]),
        ("Host(`a.test`) && Headers(`X`, `(1)`)", ["https://a.test/"]),
        ("PathPrefix(`/x`)", []),
        ("HostRegexp(`.+`)", []),
        ("!Host(`a.test`)", []),
        ("Host(`a.test`) && !(Path(`/x`) || Method(`POST`))", ["https://a.test/"]),
        ("Host(`a.test`) && PathPrefix(`/x`) && PathPrefix(`/x/y`)", ["https://a.test/x/y"]),
        ("", []),
    ],
)
def test_rules(text: str, urls: list[str]) -> None:
    assert rule(text) == urls


@pytest.mark.parametrize("text", ["Host(`a.test`", "Host(`a`) &&", "(Host(`a`)", "&&", "a.test"])
def test_a_rule_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(AppError, match="can't be read"):
        rule(text)


def test_a_stack_files_addresses_in_order_each_once(tmp_path: Path) -> None:
    path = tmp_path / "stack.yml"
    path.write_text(
        """\
services:
  web:
    image: web
    deploy:
      labels:
        traefik.http.routers.shop.rule: "Host(`shop.${DOMAIN}`)"
        traefik.http.routers.shop-again.rule: "Host(`shop.${DOMAIN}`)"
        traefik.http.services.shop.loadbalancer.server.port: 8000
  api:
    image: api
    deploy:
      labels:
        - "traefik.enable=true"
        - "traefik.http.routers.api.rule=Host(`api.${DOMAIN}`) && PathPrefix(`/v1`)"
  worker:
    image: worker
"""
    )
    stack = load_stack(path)
    urls = app_urls(stack, {"DOMAIN": "yard.test"}, https_port=8443)
    assert [(url.url, url.service) for url in urls] == [
        ("https://api.yard.test:8443/v1", "api"),
        ("https://shop.yard.test:8443/", "web"),
    ]
    with pytest.raises(AppError) as caught:
        app_urls(stack, {})
    assert caught.value.where == f"{path}: service web, deploy.labels"
    assert caught.value.what == "the variable DOMAIN has no value"
    assert caught.value.fix == "set DOMAIN below `environment` of the application in beeyard.yml"


@pytest.mark.parametrize(
    ("label", "what", "why"),
    [
        ("${HOST:?which one}", "the variable HOST has no value", "which one"),
        ("Host(`a`)$", "a `$` starts no variable", "Host(`a`)$"),
    ],
)
def test_a_label_that_docker_would_refuse(tmp_path: Path, label: str, what: str, why: str) -> None:
    path = tmp_path / "stack.yml"
    rule = f"        traefik.http.routers.r.rule: '{label}'\n"
    path.write_text(f"services:\n  web:\n    image: web\n    deploy:\n      labels:\n{rule}")
    with pytest.raises(AppError) as caught:
        app_urls(load_stack(path), {})
    assert (caught.value.what, caught.value.why) == (what, why)


def test_a_label_that_routes_nothing_may_say_anything(tmp_path: Path) -> None:
    path = tmp_path / "stack.yml"
    labels = {"traefik.http.routers.a.rule": "Host(`a.test`)", "note": "${NOBODY_SETS_IT}"}
    for written in (labels, [f"{key}={value}" for key, value in labels.items()]):
        path.write_text(json.dumps({"services": {"web": {"deploy": {"labels": written}}}}))
        assert [url.url for url in app_urls(load_stack(path), {})] == ["https://a.test/"]
