"""A folder with a beeyard.yml, and what beeyard says of it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from beeyard.config import ClusterSpec, Finding, check, load
from beeyard.errors import BeeyardError, ConfigError

MINIMAL = """\
name: shop
domain: shop.example.com
region: eu-central-1
ssh:
  allowed_cidrs: [203.0.113.0/24]
ingress:
  acme: {email: ops@example.com}
"""
WEB = """\
services:
  web:
    image: nginx:1.29.3
    networks: [traefik_proxy]
    healthcheck: {test: [CMD, curl, -f, http://localhost/]}
    deploy:
      replicas: 2
      update_config: {order: start-first}
      labels:
        traefik.http.routers.web.rule: Host(`web.${DOMAIN}`)
        traefik.http.services.web.loadbalancer.server.port: "80"
networks:
  traefik_proxy: {external: true}
"""
APPLICATION = "applications:\n  web:\n    path: web\n"

Refused = Callable[[str], tuple[BeeyardError, ...]]
Loaded = Callable[[str], ClusterSpec]
Checked = Callable[..., tuple[Finding, ...]]


@pytest.fixture(autouse=True)
def _in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def loaded() -> Loaded:
    def of(text: str) -> ClusterSpec:
        Path("beeyard.yml").write_text(text)
        return load(Path("beeyard.yml"))

    return of


@pytest.fixture
def mistakes(loaded: Loaded) -> Refused:
    """The mistakes of a file that must not load."""

    def of(text: str) -> tuple[BeeyardError, ...]:
        with pytest.raises(ConfigError) as caught:
            loaded(text)
        assert caught.value.mistakes, caught.value.as_dict()
        return tuple(caught.value.mistakes)

    return of


@pytest.fixture
def checked(loaded: Loaded) -> Checked:
    """The findings of a beeyard.yml and a stack file."""

    def of(
        config: str = MINIMAL + APPLICATION,
        stack: str | None = WEB,
        environ: dict[str, str] | None = None,
    ) -> tuple[Finding, ...]:
        Path("web").mkdir(exist_ok=True)
        if stack is not None:
            Path("web/stack.yml").write_text(stack)
        return check(loaded(config), Path("beeyard.yml"), environ=environ)

    return of


@pytest.fixture
def minimal() -> str:
    return MINIMAL


@pytest.fixture
def application() -> str:
    """A minimal beeyard.yml with the application `web` of folder `web`; more keys may follow."""
    return MINIMAL + APPLICATION


@pytest.fixture
def web() -> str:
    """A stack file without a fault."""
    return WEB
