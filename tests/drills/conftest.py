"""Drills: a cluster is broken for real, and `up` has to bring it back.

Each begins and ends with a cluster that `up` has nothing to do on, or with none.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from beeyard.apps import AppUrl, Prober
from cluster.yard import DOMAIN, NAME, Running, Yard
from drills.world import World, world_of


@pytest.fixture(scope="session")
def ended() -> dict[str, Any]:
    """What the last `up` of the drill before said, when that had nothing to do."""
    return {}


@pytest.fixture(autouse=True)
def found(ended: dict[str, Any]) -> dict[str, Any]:
    """The same, for one drill alone: who breaks something must not be taken for whole."""
    kept = dict(ended)
    ended.clear()
    return kept


@pytest.fixture
def running(yard: Yard, found: dict[str, Any]) -> Running:
    """The cluster, up, as the file of the drills has it."""
    return Running(yard, found or yard.json("up", "--yes"), 0.0)


@pytest.fixture
def ends_whole(yard: Yard, ended: dict[str, Any]) -> Iterator[None]:
    """However a drill changed the file or the cluster, the next one finds both as the first did."""
    text = yard.file.read_text()
    yield
    if ended and yard.file.read_text() == text:
        return
    yard.file.write_text(text)
    said = yard.json("up", "--yes")
    ended.update(whole(yard, yard.json("up", "--yes") if said["changes"] else said))


@pytest.fixture
def ends_in_need_of_nothing(ends_whole: None, yard: Yard, ended: dict[str, Any]) -> Iterator[None]:
    """Stricter: what the drill did last has brought all back; the next `up` has nothing to do."""
    yield
    ended.update(whole(yard, yard.json("up", "--yes")))


def whole(yard: Yard, said: dict[str, Any]) -> dict[str, Any]:
    """What `up` has said, which has to have had nothing to do; and all has to be well."""
    assert said["changes"] == 0
    assert yard.json("status")["ok"] is True
    return said


@pytest.fixture
def world(running: Running) -> World:
    return world_of(running.yard, NAME)


@pytest.fixture
def users(running: Running) -> Iterator[Prober]:
    """Those who use the application meanwhile."""
    with asking_for("/", running) as prober:
        yield prober


def asking_for(path: str, running: Running) -> Prober:
    """Users of one page of the application: 20 requests a second."""
    port = urlsplit(running.url("timeoff")).port or 443
    ca = Path(running.yard.run("sandbox", "ca", NAME).strip()).read_text()
    address = AppUrl(f"timeoff.{DOMAIN}", path, port, "web", "timeoff")
    return Prober([address], "127.0.0.1", ca, rate=20)


def change(yard: Yard, section: str, **values: Any) -> None:
    """Change a section of the file."""
    yaml = YAML()
    document = yaml.load(yard.file)
    document[section].update(values)
    yaml.dump(document, yard.file)
