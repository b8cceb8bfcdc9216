"""Drills: a cluster is broken for real, and `up` has to bring it back.

Each begins and ends with a cluster that `up` has nothing to do on, or with none.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from ruamel.yaml import YAML

from beeyard.apps import AppUrl, Prober
from cluster.yard import DOMAIN, NAME, Running, Yard
from drills.data import Data
from drills.doors import asked
from drills.world import World, world_of


@pytest.fixture(autouse=True)
def _not_taken_for_whole(found: dict[str, Any]) -> None:
    """Whoever asks for nothing of this breaks the cluster all the same."""


@pytest.fixture
def running(yard: Yard, found: dict[str, Any]) -> Running:
    """The cluster, up, as the file of the drills has it."""
    return Running(yard, found or yard.json("up", "--yes"), 0.0)


@pytest.fixture
def world(running: Running) -> World:
    return world_of(running.yard, NAME)


@pytest.fixture
def data(running: Running) -> Iterator[Data]:
    """Rows and files of the application."""
    made = Data(running)
    made.write()
    yield made
    made.remove()


@pytest.fixture
def nothing_lost(data: Data) -> Iterator[None]:
    """Of these nothing is lost, whatever a drill does."""
    before = data.look()
    yield
    assert data.look() == before


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


def answers(running: Running) -> bool:
    """Whether users see the application, which is on other nodes than the way in."""
    try:
        return asked(running, "timeoff", "/", timeout=5) < 500
    except httpx.TransportError:
        return False


def change(yard: Yard, section: str, **values: Any) -> None:
    """Change a section of the file."""
    yaml = YAML()
    document = yaml.load(yard.file)
    document[section].update(values)
    yaml.dump(document, yard.file)
