"""Whether what runs is what a release says."""

import pytest

from apps.example import release
from beeyard.apps.sight import verify
from beeyard.errors import SwarmError
from swarm.swarms import service, swarm

RELEASE = release(images={"web": "web@sha256:1"})
RUNS = swarm(service("shop_web", "worker-1", image="web@sha256:1", definition="abc"))


def test_it_runs() -> None:
    verify(RELEASE, RUNS)
    verify(RELEASE, RUNS, {"shop_web": "abc"})


@pytest.mark.parametrize(
    ("image", "meant", "wrong"),
    [
        ("web@sha256:2", {}, "web: it runs web@sha256:2, not web@sha256:1"),
        ("web@sha256:1", {"shop_web": "def"}, "web: its definition is not what was deployed"),
    ],
)
def test_somebody_changed_it_meanwhile(image: str, meant: dict[str, str], wrong: str) -> None:
    with pytest.raises(SwarmError) as caught:
        verify(RELEASE, swarm(service("shop_web", "worker-1", image=image)), meant)
    assert caught.value.why == wrong
