"""The addresses that Traefik's labels give an application."""

from pathlib import Path

import pytest

from beeyard.apps import app_urls, interpolate, label_urls, load_stack
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
        ("", []),
    ],
)
def test_rules(text: str, urls: list[str]) -> None:
    assert rule(text) == urls


@pytest.mark.parametrize("text", ["Host(`a.test`", "Host(`a`) &&", "(Host(`a`)", "&&", "a.test"])
def test_a_rule_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(AppError, match="can't be read"):
        rule(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$DOMAIN/${DOMAIN}", "d.test/d.test"),
        ("${ABSENT:-x}", "x"),
        ("${EMPTY:-x}", "x"),
        ("${EMPTY-x}", ""),
        ("${DOMAIN:?needed}", "d.test"),
        ("$$DOMAIN", "$DOMAIN"),
    ],
)
def test_variables(text: str, value: str) -> None:
    assert interpolate(text, {"DOMAIN": "d.test", "EMPTY": ""}) == value


@pytest.mark.parametrize("text", ["$ABSENT", "${ABSENT}", "${ABSENT:?needed}"])
def test_a_variable_without_value_is_an_error(text: str) -> None:
    with pytest.raises(AppError, match="the variable ABSENT has no value"):
        interpolate(text, {})


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
