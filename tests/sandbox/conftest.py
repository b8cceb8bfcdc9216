"""What tests of the sandbox share."""

from collections.abc import Iterator

import pytest

from beeyard.sandbox.api_server import ApiServer
from leavings import STATE_HOME


@pytest.fixture(scope="module")
def own_state() -> Iterator[None]:
    """Sandboxes of tests keep their files apart from the user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(STATE_HOME))
        yield


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of the rehearsal's API by itself: nothing is made of what it holds."""
    folder = tmp_path_factory.mktemp("api")
    amis = folder / "amis.json"
    amis.write_text("[]")
    server = ApiServer(amis, folder / "door", changed=lambda: None)
    yield server.endpoint
    server.stop()
