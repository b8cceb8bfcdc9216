"""A release as files that `docker stack deploy` takes by themselves."""

from datetime import UTC, datetime

import pytest

from beeyard.apps.bundle import Bundle
from beeyard.apps.compose import plain, yaml
from beeyard.apps.plain import STACK_FILE, filled, plain_files
from beeyard.apps.release import Origin, Release

TEXT = """\
version: "3.8"
services:
  web:
    image: "${REGISTRY}/web@sha256:0"
    read_only: ${LOCKED:-yes}
    env_file: [web.env]
    environment:
      PORT: ${PORT}
      PRICE: 5$$
      TOKEN: ${TOKEN}
      DEBUG: "${LOCKED:-true}"
    ports:
      - target: ${PORT}
        published: "${PUBLISHED:-80}"
    secrets:
      - source: key.0a
        mode: 0400
    deploy:
      replicas: ${REPLICAS:-2}
      update_config: {max_failure_ratio: "${RATIO:-0.5}"}
"""
ENVIRONMENT = {"REGISTRY": "registry.shop.test", "PORT": "8000", "TOKEN": "a$b"}


def release(text: str = TEXT) -> Release:
    bundle = Bundle(text, ENVIRONMENT, {"web.env": "A=1\n"})
    origin = Origin("somebody", datetime(2030, 1, 1, tzinfo=UTC), None)
    return Release("shop", 3, bundle, {}, (), (), origin)


def test_where_docker_makes_numbers_and_truths_there_are() -> None:
    web = filled(release().bundle)["services"]["web"]
    assert web["image"] == "registry.shop.test/web@sha256:0"
    assert web["read_only"] is True
    assert plain(web["ports"]) == [{"target": 8000, "published": 80}]
    assert (web["deploy"]["replicas"], web["deploy"]["update_config"]) == (
        2,
        {"max_failure_ratio": 0.5},
    )


def test_elsewhere_a_text_stays_one_and_a_dollar_is_no_variable() -> None:
    text = plain_files(release(), {})[STACK_FILE]
    environment = yaml().load(text)["services"]["web"]["environment"]
    assert environment == {"PORT": "8000", "PRICE": "5$$", "TOKEN": "a$$b", "DEBUG": "true"}
    assert all(isinstance(value, str) for value in environment.values())


def test_what_had_no_variable_is_as_it_was() -> None:
    text = plain_files(release(), {})[STACK_FILE]
    assert "mode: 0400" in text
    assert text.startswith("# Release 3 of shop, ")


def test_what_somebody_scaled_to_stays_and_environment_files_go_along() -> None:
    files = plain_files(release(), {"web": 5, "gone": 1})
    assert set(files) == {STACK_FILE, "web.env"}
    assert "replicas: 5" in files[STACK_FILE]
    assert "gone" not in files[STACK_FILE]


@pytest.mark.parametrize("number", ["many", "1.2.3", ""])
def test_what_is_no_number_is_left_to_docker_to_refuse(number: str) -> None:
    bundle = Bundle("services: {web: {deploy: {replicas: '${N}'}}}\n", {"N": number})
    assert filled(bundle)["services"]["web"]["deploy"]["replicas"] == number
