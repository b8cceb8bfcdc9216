"""Bad input and bad luck on a real Swarm: what is said, and that the old version serves."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.rollouts import QUICK, SERVES, Team, push_image, team, web
from beeyard.apps import Hook
from beeyard.apps.contents import set_secret
from beeyard.errors import AppError, BeeyardError
from beeyard.process import Command
from beeyard.secret import Secret
from beeyard.swarm import Manager

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def shop(
    real_swarm: Any, manager: Manager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Team]:
    """An application whose first release runs."""
    with team(real_swarm, manager, tmp_path_factory.mktemp("shop"), "shop") as made:
        good(made, real_swarm)
        made.deploy()
        yield made


@pytest.fixture(autouse=True)
def _as_before(shop: Team, real_swarm: Any) -> Iterator[None]:
    """After each test the first release's definition runs, and a deploy of it changes nothing."""
    shop.pre_deploy = shop.post_deploy = None
    shop.terms = QUICK
    shop.said.clear()
    yield
    good(shop, real_swarm)
    assert set(shop.verdicts.values()) <= {"succeeded", "failed", "abandoned"}
    web = shop.services["web"]
    assert (web.wanted, len(web.running)) == (2, 2)
    assert all(task.current for task in web.running)
    assert shop.written("web") == ["serving"]
    with shop.locked("look") as (_, entries):
        assert not pending(shop, entries)


def good(shop: Team, swarm: Any, **more: Any) -> None:
    shop.write({"web": web(swarm.tiny, **more)})


def pending(shop: Team, entries: Any) -> bool:
    from beeyard.apps import current, planned

    before = current(entries)
    return planned(
        shop.candidate(entries),
        before.release,
        shop.manager.snapshot(),
        before.verdict.definitions,
    ).pending


def failing(shop: Team) -> AppError:
    """Deploys, which fails; the verdict is kept."""
    with pytest.raises(AppError) as caught:
        shop.deploy()
    print(caught.value.as_dict())
    number, word = list(shop.verdicts.items())[-1]
    assert word == "failed"
    assert f"release {number} of shop failed" in caught.value.what
    return caught.value


BROKEN: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "exits": (
        {"command": ["/bin/sh", "-c", "echo no database here; exit 3"]},
        "service shop_web, task shop_web.",
        "non-zero exit (3)",
        "no database here",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_does_not_come_up_is_named_and_undone(shop: Team, real_swarm: Any, case: str) -> None:
    change, where, why, last = BROKEN[case]
    before = shop.tasks
    shop.write({"web": web(real_swarm.tiny) | change})
    error = failing(shop)
    assert "release 1 serves" in error.what
    assert where in str(error.where)
    assert why in str(error.why)
    assert last in str(error.why)
    assert shop.tasks == before
