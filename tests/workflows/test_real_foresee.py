"""What a deploy would do, looked at on a real Swarm: nothing is made on the way."""

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from apps.rollouts import Team, team, web
from beeyard.errors import AppError
from beeyard.swarm import Manager
from beeyard.workflows import Cluster
from beeyard.workflows import images as images_of
from beeyard.workflows.deploy import Deployer

pytestmark = pytest.mark.real
KEY = "store_key"


@pytest.fixture
def store(real_swarm: Any, manager: Manager, tmp_path: Path) -> Iterator[Team]:
    with team(real_swarm, manager, tmp_path / "store", "store") as store:
        store.write(
            {"web": web(real_swarm.tiny, replicas=1, secrets=[KEY], configs=["settings"])},
            secrets={KEY: {"external": True}},
            configs={"settings": {"file": "settings"}},
        )
        (store.folder / "settings").write_text("a=1")
        yield store


@pytest.fixture
def deployer(
    store: Team, make_cluster: Callable[..., Cluster], monkeypatch: pytest.MonkeyPatch
) -> Deployer:
    # Its registry is not asked.
    monkeypatch.setattr(images_of, "registry_login", lambda *_: None)
    monkeypatch.setattr(images_of, "pinned", lambda _, reference, __: reference)
    applications = {"store": {"path": str(store.folder), "secrets": {KEY: "generate"}}}
    hosts = SimpleNamespace(
        cluster=make_cluster(applications=applications), manager=store.site.runner
    )
    return Deployer(cast(Any, hosts), store.manager, "store")


def test_a_first_release_is_foreseen_and_nothing_is_made(store: Team, deployer: Deployer) -> None:
    before = store.manager.snapshot()
    with pytest.raises(AppError, match=f"needs: secret {KEY}"):
        deployer.foresee()
    found = deployer.foresee([KEY])
    assert (found.previous, found.pending, found.unbuilt, found.cut_short) == (None, True, (), None)
    assert found.plan.of("create") == ("web",)
    assert found.release.secrets == (KEY,)
    (settings,) = found.release.configs
    assert settings.startswith("store_settings.")
    after = store.manager.snapshot()
    assert (after.secrets, after.configs) == (before.secrets, before.configs)
    assert [one.name for one in after.services] == [one.name for one in before.services]
    assert deployer.store.all() == []
