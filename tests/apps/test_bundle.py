"""What `docker stack deploy` is given in the midst of a rollout, and what counts as a change."""

from collections.abc import Mapping
from typing import Any

import pytest

from beeyard.apps import Bundle, fingerprints
from beeyard.apps.bundle import mixed, only, secrets_renamed
from beeyard.apps.compose import variables_renamed
from beeyard.config.interpolation import interpolate

OLD = Bundle(
    """\
services:
  web: {image: "web:${TAG}", env_file: web.env, networks: [front]}
  worker: {image: "worker:${TAG}", env_file: [web.env, more.env], configs: [{source: a.1}]}
  gone: {image: gone, volumes: ["kept:/kept"]}
networks:
  front: {driver_opts: {from: old}}
configs:
  a.1: {external: true}
volumes:
  kept:
""",
    {"TAG": "1"},
    {"web.env": "OLD=1\n", "more.env": "MORE=1\n"},
)
NEW = Bundle(
    """\
services:
  db: {image: db}
  web: {image: "web:${TAG}", env_file: web.env, networks: [front, back], depends_on: [db]}
  worker: {image: "worker:${TAG}", configs: [{source: a.2}]}
networks:
  front: {driver_opts: {from: new}}
  back:
configs:
  a.2: {external: true}
""",
    {"TAG": "2"},
    {"web.env": "NEW=1\n"},
)


def images(bundle: Bundle) -> dict[str, str]:
    """By service, in order, as Docker fills them."""
    return {
        name: interpolate(entry["image"], bundle.environment)
        for name, entry in bundle.services.items()
    }


@pytest.mark.parametrize(
    ("due", "expected"),
    [
        ([], {"web": "web:1", "worker": "worker:1"}),
        (["db"], {"db": "db", "web": "web:1", "worker": "worker:1"}),
        (["db", "web"], {"db": "db", "web": "web:2", "worker": "worker:1"}),
        (["db", "web", "worker"], {"db": "db", "web": "web:2", "worker": "worker:2"}),
    ],
)
def test_only_what_is_due_is_new(due: list[str], expected: dict[str, str]) -> None:
    """One that is not due and not there yet stays away; one that is to be removed stays."""
    assert images(mixed(NEW, OLD, due)) == {**expected, "gone": "gone"}


def test_each_service_keeps_its_own_environment_files() -> None:
    mix = mixed(NEW, OLD, ["web"])
    assert mix.services["web"]["env_file"] == "web.env"
    assert mix.services["worker"]["env_file"] == ["previous/web.env", "previous/more.env"]
    assert mix.files == {
        "web.env": "NEW=1\n",
        "previous/web.env": "OLD=1\n",
        "previous/more.env": "MORE=1\n",
    }


def test_what_services_name_is_there_once() -> None:
    """Of a network that both have, the new one's entry stands: Docker changes none that it made."""
    document = mixed(NEW, OLD, ["web"]).document
    assert document["networks"] == {"front": {"driver_opts": {"from": "new"}}, "back": None}
    assert set(document["configs"]) == {"a.1", "a.2"}
    assert document["volumes"] == {"kept": None}
    assert "secrets" not in document


def test_a_mixture_with_nothing_is_what_is_due() -> None:
    assert images(mixed(NEW, Bundle("services: {}\n"), ["db"])) == {"db": "db"}


def test_neither_release_is_changed() -> None:
    before = (NEW.text, OLD.text, dict(NEW.environment), dict(OLD.files))
    mixed(NEW, OLD, ["web"])
    assert (NEW.text, OLD.text, NEW.environment, OLD.files) == before


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "$A and ${A}",
        "${A:-b} ${A-b} ${A:?b} ${A?b}",
        "$$A $${A} $$$A",
        "${NONE:-$A} ${NONE:-${A}}",
        "${NONE:?not-set}",
        "$A-rest of $B",
        "price: 5$, $1",
        "${A}${B}$A",
    ],
)
@pytest.mark.parametrize("environment", [{"A": "a", "B": "b"}, {"A": "", "B": "$A"}, {}])
def test_under_another_name_a_variable_says_the_same(
    text: str, environment: Mapping[str, str]
) -> None:
    renamed = variables_renamed(text, "OLD_")
    assert interpolate(renamed, {f"OLD_{key}": value for key, value in environment.items()}) == (
        interpolate(text, environment)
    )


def test_variables_of_both_stand_beside_each_other() -> None:
    assert variables_renamed("$$A ${A:-b} $A", "OLD_") == "$$A ${OLD_A:-b} $OLD_A"
    assert mixed(NEW, OLD, []).environment == {"TAG": "2", "BEEYARD_PREVIOUS_TAG": "1"}


def test_one_service_alone() -> None:
    one = only(NEW, "web", "web-run-1", {"command": ["a"], "depends_on": None, "ports": None})
    assert one.services == {
        "web-run-1": {
            "image": "web:${TAG}",
            "env_file": "web.env",
            "networks": ["front", "back"],
            "command": ["a"],
        }
    }
    assert (one.environment, one.files) == (NEW.environment, NEW.files)
    assert set(one.document["networks"]) == {"front", "back"}


FINGERPRINTED = """\
version: "3.8"
services:
  web:
    image: "web:${TAG:-1}"
    environment: {A: "1", B: "2"}
    env_file: web.env
    networks: [front]
    volumes: ["data:/data", "/etc/hosts:/hosts"]
    depends_on: [db]
  db:
    image: db
    volumes: [{type: volume, source: more, target: /more}]
networks:
  default: {driver_opts: {a: "1"}}
  front: {driver_opts: {b: "1"}}
  apart: {}
volumes:
  data:
  more:
"""
FILES = {"web.env": "A=1\n", "other.env": "B=1\n"}


def differing(text: str, **changes: Any) -> list[str]:
    """The services whose fingerprint is another one."""
    fields: dict[str, Any] = {"environment": {"OTHER": "x"}, "files": FILES}
    before = fingerprints(Bundle(FINGERPRINTED, **fields))
    after = fingerprints(Bundle(text, **(fields | changes)))
    return sorted(name for name in before if before[name] != after[name])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{A: \"1\", B: \"2\"}", "{B: \"2\", A: \"1\"}"),
        ("depends_on: [db]", "depends_on: []"),
        ("apart: {}", "apart: {driver: overlay}"),
        ("version: \"3.8\"", "# no version"),
        ("${TAG:-1}", "1"),
    ],
)  # fmt: skip
def test_what_decides_nothing_is_no_change(old: str, new: str) -> None:
    assert differing(FINGERPRINTED.replace(old, new)) == []


@pytest.mark.parametrize(
    ("old", "new", "services"),
    [
        ("${TAG:-1}", "${TAG:-2}", ["web"]),
        ("B: \"2\"", "B: \"3\"", ["web"]),
        ("image: db", "image: db\n    deploy: {replicas: 2}", ["db"]),
        ("{b: \"1\"}", "{b: \"2\"}", ["web"]),
        ("{a: \"1\"}", "{a: \"2\"}", ["db"]),
        ("  data:\n", "  data: {name: elsewhere}\n", ["web"]),
        ("  more:\n", "  more: {name: elsewhere}\n", ["db"]),
        ("/etc/hosts:", "/etc/motd:", ["web"]),
        ("networks: [front]", "networks: [front, default]", ["web"]),
    ],
)  # fmt: skip
def test_what_decides_how_a_service_runs_is_a_change(
    old: str, new: str, services: list[str]
) -> None:
    assert differing(FINGERPRINTED.replace(old, new)) == services


def test_so_are_its_variables_and_files() -> None:
    assert differing(FINGERPRINTED, environment={"OTHER": "y"}) == []
    assert differing(FINGERPRINTED, environment={"TAG": "2"}) == ["web"]
    assert differing(FINGERPRINTED, files={**FILES, "other.env": "B=2\n"}) == []
    assert differing(FINGERPRINTED, files={**FILES, "web.env": "A=2\n"}) == ["web"]


def test_other_secrets_are_mounted_where_those_before_were() -> None:
    bundle = Bundle(
        "services:\n  web: {image: web, secrets: [{source: url.1, target: url}, {source: key}]}\n"
        "  worker: {image: web}\n"
        "secrets:\n  url.1: {external: true, name: url.1}\n  key: {external: true, name: key}\n"
    )
    document = secrets_renamed(bundle, {"url.1": "url.2", "absent": "x"}).document
    assert document["services"]["web"]["secrets"][0] == {"source": "url.2", "target": "url"}
    assert document["secrets"]["url.2"] == {"external": True, "name": "url.2"}
    assert set(document["secrets"]) == {"url.2", "key"}
