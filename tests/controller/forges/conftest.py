"""The forges' APIs, played by one server for each module of tests."""

from collections.abc import Iterator

import pytest

from controller.forges.forge import Apis, Forge
from controller.forges.servers import Exchangeable, serving


@pytest.fixture(scope="module")
def api_place() -> Iterator[tuple[Exchangeable, str]]:
    """Where it is, and what stands behind it."""
    application = Exchangeable()
    with serving(application) as url:
        yield application, url


@pytest.fixture
def apis(api_place: tuple[Exchangeable, str]) -> Apis:
    """A forge that nothing was said to yet, and what leads to it."""
    forge = Forge()
    api_place[0].inner = forge.application
    return Apis(forge, api_place[1])
