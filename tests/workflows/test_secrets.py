"""An application's secrets on a real Swarm: which there are, who uses them, which may go."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from apps.rollouts import Team, team, web
from beeyard.errors import AppError
from beeyard.secret import Secret
from beeyard.swarm import Manager
from beeyard.workflows import Cluster
from beeyard.workflows.deploy import Deployer
from beeyard.workflows.secrets import (
    SecretRow,
    list_secrets,
    remove_secret,
    set_application_secret,
)

pytestmark = pytest.mark.real
KEY, TOKEN = "stock_key", "stock_token"


@pytest.fixture
def stock(real_swarm: Any, manager: Manager, tmp_path: Path) -> Iterator[Team]:
    """An application with two secrets, one of which beeyard.yml knows."""
    with team(real_swarm, manager, tmp_path / "stock", "stock") as stock:
        stock.variables = {"STACK": "stock", "DOMAIN": "shop.example.com"}
        stock.write(
            {"web": web(real_swarm.tiny, replicas=1, secrets=[KEY, "token"])},
            secrets={
                KEY: {"external": True},
                "token": {"external": True, "name": "${STACK}_token"},
            },
        )
        yield stock


@pytest.fixture
def deployer(stock: Team, make_cluster: Callable[..., Cluster]) -> Deployer:
    applications = {"stock": {"path": str(stock.folder), "secrets": {KEY: "generate"}}}
    cluster = make_cluster(applications=applications)
    hosts = SimpleNamespace(cluster=cluster, manager=stock.site.runner)
    return Deployer(cast(Any, hosts), stock.manager, "stock")


def rows(deployer: Deployer) -> dict[str, SecretRow]:
    return {row.name: row for row in list_secrets(deployer)}


def test_from_missing_to_in_use_and_on(stock: Team, deployer: Deployer) -> None:
    assert rows(deployer) == {
        KEY: SecretRow(KEY, None, None, (), (), ("beeyard.yml", "stack file")),
        TOKEN: SecretRow(TOKEN, None, None, (), (), ("stack file",)),
    }
    assert {row.state for row in rows(deployer).values()} == {"missing"}

    done = set_application_secret(deployer, KEY, Secret("one"))
    assert (done.wanted, done.running) == (True, False)
    assert rows(deployer)[KEY].state == "next deploy"
    set_application_secret(deployer, TOKEN, Secret("token"))
    stock.deploy()
    row = rows(deployer)[KEY]
    assert (row.version, row.used_by, row.state) == (done.version, ("stock_web",), "in use")
    assert set_application_secret(deployer, KEY, Secret("one")).running

    newer = set_application_secret(deployer, KEY, Secret("two"))
    assert not newer.running
    row = rows(deployer)[KEY]
    assert (row.version, row.used_by, row.outdated) == (newer.version, (), ("stock_web",))
    assert row.state == "next deploy"


def test_what_is_used_stays(stock: Team, deployer: Deployer, real_swarm: Any) -> None:
    version = set_application_secret(deployer, KEY, Secret("one")).version
    set_application_secret(deployer, TOKEN, Secret("token"))
    stock.deploy()
    with pytest.raises(AppError, match=f"the secret {KEY} is in use") as caught:
        remove_secret(deployer, KEY)
    assert caught.value.why == f"service stock_web: {version}\nrelease 1: {version}"

    stock.write({"web": web(real_swarm.tiny, replicas=1)})
    stock.deploy()
    with pytest.raises(AppError) as caught:
        remove_secret(deployer, KEY)
    assert caught.value.why == f"release 1: {version}"
    stock.store.forget(1)
    assert remove_secret(deployer, KEY) == (version,)
    assert rows(deployer)[KEY].state == "missing"


def test_one_that_nobody_asked_for(deployer: Deployer) -> None:
    done = set_application_secret(deployer, "stock_stray", Secret("hush"))
    assert done.wanted is False
    assert rows(deployer)["stock_stray"].state == "not used"
    assert remove_secret(deployer, "stock_stray") == (done.version,)
    with pytest.raises(AppError, match="the Swarm holds no secret stock_stray of stock"):
        remove_secret(deployer, "stock_stray")


def test_an_empty_value(deployer: Deployer) -> None:
    with pytest.raises(AppError, match="the value of stock_key is empty"):
        set_application_secret(deployer, KEY, Secret(""))
    assert rows(deployer)[KEY].state == "missing"
