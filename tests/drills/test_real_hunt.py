"""The hunt finds what leaks into a real Docker engine: this machine's own."""

from collections.abc import Iterator
from secrets import token_hex

import pytest
from docker import DockerClient

from drills.hunt import Hunt, in_its_engine, report

pytestmark = pytest.mark.real

LEAKS = {
    place: f"seeded-{token_hex(12)}"
    for place in ("container", "container log", "image definition", "image history", "image layers")
}


@pytest.fixture
def leaky(engine: DockerClient, tiny: str) -> Iterator[None]:
    """Containers and an image, each with its own secret."""
    name = f"registry.beeyard-tests/leaky-{token_hex(4)}"
    write = f"printf %s {LEAKS['image layers']} > /leaked; echo {LEAKS['container log']}"
    made = [
        engine.containers.create(tiny, ["sh"], environment={"TOKEN": LEAKS["container"]}),
        engine.containers.run(tiny, ["sh", "-c", write], detach=True),
    ]
    try:
        made[1].wait()
        changes = [f"ENV TOKEN={LEAKS['image definition']}"]
        made[1].commit(name, "1", message=LEAKS["image history"], changes=changes)
        yield
    finally:
        for one in made:
            one.remove(force=True)
        if engine.images.list(name):
            engine.images.remove(f"{name}:1", force=True)


@pytest.mark.usefixtures("leaky")
@pytest.mark.parametrize("place", LEAKS)
def test_each_kind_of_place(place: str) -> None:
    found = report(in_its_engine(Hunt({place: LEAKS[place]})))
    assert any(where.startswith(place) for where in found), found
