"""In the end of a drill, `up` has nothing to do. For the drills of `tests/cluster` as well."""

from collections.abc import Iterator
from typing import Any

import pytest

from cluster.yard import Yard

#: The marks of a file of drills, each of which ends so.
DRILLS_THAT_END_WHOLE = [
    pytest.mark.real,
    pytest.mark.cluster,
    pytest.mark.drill,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("ends_whole"),
]


@pytest.fixture(scope="session")
def ended() -> dict[str, Any]:
    """What the last `up` of the drill before said, when that had nothing to do."""
    return {}


@pytest.fixture
def found(ended: dict[str, Any]) -> dict[str, Any]:
    """The same, for one drill alone: who breaks something must not be taken for whole."""
    kept = dict(ended)
    ended.clear()
    return kept


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


@pytest.fixture(scope="module")
def ends_in_need_of_nothing_after_all(yard: Yard, ended: dict[str, Any]) -> Iterator[None]:
    """The same, once for all drills of a file: for those that change nothing."""
    yield
    ended.update(whole(yard, yard.json("up", "--yes")))


def whole(yard: Yard, said: dict[str, Any]) -> dict[str, Any]:
    """What `up` has said, which has to have had nothing to do; and all has to be well."""
    assert said["changes"] == 0
    assert yard.json("status")["ok"] is True
    return said
