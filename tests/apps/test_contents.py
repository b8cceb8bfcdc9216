"""Secrets and configs by names with a hash of their content, and their versions in a real Swarm."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.rollouts import Team, team, web
from beeyard.apps.contents import (
    contents,
    ensure,
    external,
    external_names,
    made_by,
    names_with_versions,
    remove,
    set_secret,
    versions,
)
from beeyard.apps.stack import Stack, load_stack
from beeyard.errors import AppError, SwarmError, render
from beeyard.secret import Secret
from beeyard.swarm import Manager

TOKEN = "wares_token"


def stack_of(folder: Path, **sections: Any) -> Stack:
    path = folder / "stack.yml"
    path.write_text(json.dumps({"services": {"web": {"image": "web:1"}}, **sections}))
    return load_stack(path)


class TestNames:
    def test_the_content_is_in_the_name(self, tmp_path: Path) -> None:
        stack = stack_of(tmp_path, secrets={"key": {"file": "a"}}, configs={"key": {"file": "a"}})
        (tmp_path / "a").write_text("one")
        secret, config = contents(stack, "shop")
        assert (secret.section, config.section) == ("secrets", "configs")
        # sha256 of `one`
        assert config.name == "shop_key.7692c3ad3540"
        assert secret.name.startswith("shop_key.")
        assert secret.name != config.name, "a secret's hash must not be tried out quickly"
        assert contents(stack, "shop") == (secret, config)
        (tmp_path / "a").write_text("two")
        assert {one.name for one in contents(stack, "shop")} & {secret.name, config.name} == set()

    def test_the_same_secret_elsewhere_has_another_name(self, tmp_path: Path) -> None:
        stack = stack_of(tmp_path, secrets={"a": {"file": "x"}, "b": {"file": "x"}})
        (tmp_path / "x").write_text("hush")
        named = [*contents(stack, "shop"), *contents(stack, "wiki")]
        assert len({one.name.rpartition(".")[2] for one in named}) == 4
        assert "hush" not in repr(named)

    def test_variables_fill_the_path(self, tmp_path: Path) -> None:
        stack = stack_of(tmp_path, configs={"a": {"file": "${STAGE:-live}.ini"}})
        (tmp_path / "live.ini").write_text("live")
        (tmp_path / "test.ini").write_text("test")
        assert contents(stack, "shop")[0].data == b"live"
        assert contents(stack, "shop", {"STAGE": "test"})[0].data == b"test"

    @pytest.mark.parametrize("section", ["secrets", "configs"])
    def test_what_fills_it_is_in_the_name(self, tmp_path: Path, section: str) -> None:
        entry = {"file": "a"}
        stack = stack_of(
            tmp_path, **{section: {"a": entry, "b": entry | {"template_driver": "golang"}}}
        )
        (tmp_path / "a").write_text("{{ .Service.Name }}")
        plain, filled = contents(stack, "shop")
        assert (plain.template_driver, filled.template_driver) == (None, "golang")
        assert plain.name.rpartition(".")[2] != filled.name.rpartition(".")[2]

    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        stack = stack_of(tmp_path, configs={"a": {"file": "gone"}})
        with pytest.raises(AppError, match="names a file that does not exist"):
            contents(stack, "shop")

    def test_what_is_external_by_its_name_outside(self, tmp_path: Path) -> None:
        sections = {
            "secrets": {
                "plain": {"external": True},
                "named": {"external": True, "name": "${STACK}_named"},
                "older": {"external": {"name": "outside"}},
                "own": {"file": "own"},
            },
            "configs": {"plain": {"external": True}},
        }
        assert external_names(stack_of(tmp_path, **sections), {"STACK": "shop"}) == {
            ("secrets", "plain"): "plain",
            ("secrets", "named"): "shop_named",
            ("secrets", "older"): "outside",
            ("configs", "plain"): "plain",
        }

    def test_which_names_have_versions(self) -> None:
        held = ["a", "b.0123456789ab", "c.d.0123456789ab", "e.0123456789", "f.0123456789AB"]
        assert names_with_versions(held) == {"b", "c.d"}


@pytest.fixture
def shop(real_swarm: Any, manager: Manager, tmp_path: Path) -> Iterator[Team]:
    """An application with a secret that comes from outside; no release yet."""
    with team(real_swarm, manager, tmp_path / "wares", "wares") as shop:
        says = "echo $(cat /run/secrets/token); trap 'exit 0' TERM; while :; do sleep 0.2; done"
        entry = web(real_swarm.tiny, says.replace("$", "$$"), replicas=1, secrets=["token"])
        shop.write({"web": entry}, secrets={"token": {"external": True, "name": TOKEN}})
        yield shop


@pytest.mark.real
def test_versions_of_a_secret(shop: Team) -> None:
    client = shop.manager.client
    assert versions(client, shop.name) == []
    first = set_secret(client, shop.name, TOKEN, Secret("A"))
    assert set_secret(client, shop.name, TOKEN, Secret("A")) == first
    second = set_secret(client, shop.name, TOKEN, Secret("B"))
    assert [one.version for one in versions(client, shop.name)] == [first, second]
    assert {one.name for one in versions(client, shop.name)} == {TOKEN}
    # Back to what it was before is a step forward.
    assert set_secret(client, shop.name, TOKEN, Secret("A")) == first
    assert [one.version for one in versions(client, shop.name)] == [second, first]
    assert versions(client, "another") == []
    assert remove(client, "secrets", [first, second, "never was"]) == [first, second]
    assert versions(client, shop.name) == []


@pytest.mark.real
def test_one_that_was_made_otherwise_counts_until_there_is_another(shop: Team) -> None:
    api: Any = shop.manager.client.api
    made = api.create_secret(TOKEN, b"made by up", {})
    try:
        (plain,) = versions(shop.manager.client, shop.name, (TOKEN,))
        assert (plain.name, plain.version, plain.used_by) == (TOKEN, TOKEN, ())
        assert versions(shop.manager.client, shop.name) == []
        stack = load_stack(shop.folder / "stack.yml")
        assert external(stack, shop.name, {}, shop.manager.client) == {("secrets", "token"): TOKEN}
        version = set_secret(shop.manager.client, shop.name, TOKEN, Secret("set"))
        both = versions(shop.manager.client, shop.name, (TOKEN,))
        assert [one.version for one in both] == [TOKEN, version]
        named = external(stack, shop.name, {}, shop.manager.client)
        assert named == {("secrets", "token"): version}
    finally:
        api.remove_secret(made["ID"])


@pytest.mark.real
def test_a_secret_that_is_missing_is_named(shop: Team) -> None:
    with pytest.raises(AppError) as caught:
        shop.deploy()
    assert caught.value.what == f"the Swarm does not hold what wares needs: secret {TOKEN}"
    assert "beeyard secret set wares NAME" in str(caught.value.fix)


@pytest.mark.real
def test_a_new_value_is_brought_by_the_next_deploy_and_taken_back_by_a_rollback(
    shop: Team,
) -> None:
    client = shop.manager.client
    first = set_secret(client, shop.name, TOKEN, Secret("A"))
    shop.deploy()
    assert shop.written("web") == ["A"]
    second = set_secret(client, shop.name, TOKEN, Secret("B"))
    assert shop.written("web") == ["A"]
    assert {one.version: one.used_by for one in versions(client, shop.name)} == {
        first: ("wares_web",),
        second: (),
    }
    assert remove(client, "secrets", [first]) == [], "the Swarm keeps what a service uses"
    shop.deploy()
    assert "update web" in "\n".join(shop.said)
    assert shop.written("web") == ["B"]
    shop.rollback()
    assert shop.written("web") == ["A"]
    # What is set is what the next deploy takes, whatever a rollback has brought back.
    assert versions(client, shop.name)[-1].version == second
    shop.deploy()
    assert shop.written("web") == ["B"]


@pytest.mark.real
def test_what_may_be_collected_is_what_releases_brought(shop: Team) -> None:
    """Neither what `up` made, nor what the next release gets."""
    client = shop.manager.client
    api: Any = client.api
    api.create_secret("wares_by_up", b"hush", {"beeyard.application": shop.name})
    (shop.folder / "own").write_text("own")
    stack = stack_of(shop.folder, secrets={"own": {"file": "own"}})
    ensure(client, shop.name, contents(stack, shop.name))
    first, _ = (set_secret(client, shop.name, TOKEN, Secret(value)) for value in ("A", "B"))
    (own,) = contents(stack, shop.name)
    assert made_by(client, shop.name, "secrets") == {own.name, first}
    assert made_by(client, "another", "secrets") == set()


@pytest.mark.real
def test_what_the_swarm_does_not_take(shop: Team) -> None:
    client = shop.manager.client
    with pytest.raises(AppError) as long:
        set_secret(client, shop.name, "x" * 52, Secret("hush"))
    assert long.value.fix == "use 51 characters at most"
    with pytest.raises(SwarmError, match="did not take the secret") as odd:
        set_secret(client, shop.name, "no spaces", Secret("hush"))
    with pytest.raises(SwarmError, match="did not take the secret") as large:
        set_secret(client, shop.name, TOKEN, Secret("hush" * 200_000))
    assert "hush" not in render(odd.value) + render(large.value)
